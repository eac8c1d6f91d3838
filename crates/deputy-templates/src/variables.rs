//! Variables that a person gives to a program of their own.

use std::collections::{BTreeMap, BTreeSet};

use deputy_core::Secret;
use serde_json::Value;

use crate::check::{Accepted, MAX_ITEMS, check_text, fault_of, pointer};
use crate::faults::{Fault, Problem};
use crate::field::Field;
use crate::rules::{Commands, Rules};

/// Whether a process's environment can have a variable of that name.
pub(crate) fn is_variable(name: &str) -> bool {
    name.len() <= 128
        && !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Variables by which one program is made to run another, to load code or to read another configuration: the list of
/// allowed commands would mean nothing with them. Names are compared without regard to case.
fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    RESERVED.contains(&upper.as_str())
        || RESERVED_BEGINNINGS
            .iter()
            .any(|begin| upper.starts_with(begin))
}

const RESERVED: &[&str] = &[
    // Where programs, and what they read at their start, are found.
    "PATH",
    "HOME",
    "TMPDIR",
    "CDPATH",
    // Shells, also those that only wrap a command: bash expands PS4 under SHELLOPTS=xtrace, `$(…)` included.
    "SHELL",
    "SHELLOPTS",
    "ENV",
    "IFS",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PROMPT_COMMAND",
    "FPATH",
    "ZDOTDIR",
    // Programs that others start.
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "BROWSER",
    "LESSOPEN",
    "LESSCLOSE",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    // The C library and what it, OpenSSL and the toolkits load.
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "HOSTALIASES",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "GTK_MODULES",
    "GTK_PATH",
    "GIO_EXTRA_MODULES",
    "GIO_MODULE_DIR",
    "QT_PLUGIN_PATH",
    "QT_QPA_PLATFORM_PLUGIN_PATH",
    // Interpreters and runtimes.
    "NODE_OPTIONS",
    "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE",
    "ELECTRON_RUN_AS_NODE",
    "PERL5OPT",
    "PERL5LIB",
    "PERL5DB",
    "PERL5SHELL",
    "PERLLIB",
    "RUBYOPT",
    "RUBYLIB",
    "RUBYSHELL",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "JAVA_OPTS",
    "JAVA_HOME",
    "CLASSPATH",
    "GRADLE_OPTS",
    "MAVEN_OPTS",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "MONO_PATH",
    "MONO_ENV_OPTIONS",
    "PSMODULEPATH",
    "R_HOME",
    "R_PROFILE",
    "R_PROFILE_USER",
    "R_ENVIRON",
    "R_ENVIRON_USER",
    "R_LIBS",
    "R_LIBS_USER",
    "TCLLIBPATH",
    "OCAMLRUNPARAM",
    "CAML_LD_LIBRARY_PATH",
    // Tools that build before they run.
    "MAKEFLAGS",
    "MAKEFILES",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "GOFLAGS",
    "GOENV",
    "GOROOT",
    "GOPATH",
    "GOTOOLCHAIN",
    "DOCKER_CONFIG",
];

const RESERVED_BEGINNINGS: &[&str] = &[
    "LD_",
    "DYLD_",
    "GLIBC_",
    "BASH",
    "PYTHON",
    "NPM_CONFIG_",
    "YARN_",
    "PNPM_",
    "COREPACK_",
    "UV_",
    "PIP_",
    "PIPX_",
    "BUN_",
    "DENO_",
    "BUNDLE_",
    "GEM_",
    "DOTNET_",
    "CORECLR_",
    "COR_",
    "COMPLUS_",
    "LUA_",
    "JULIA_",
    "GUILE_",
    "ERL_",
    "ELIXIR_ERL_",
    "CARGO_",
    "RUSTUP_",
    "GIT_",
    "XDG_",
    "DEPUTY_",
];

/// Checks what was given as variables.
pub(crate) fn variables(
    field: &Field,
    value: &Value,
    kept_secrets: &BTreeSet<String>,
    rules: &Rules,
) -> Result<Accepted, Fault> {
    let wrong = |inside: &str, problem| Err(fault_of(field, inside, problem));
    let given = match value {
        Value::Object(members) => members.clone(),
        // A form has one text: NAME=value, a line each.
        Value::String(text) => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                (
                    name.trim().to_owned(),
                    Value::String(value.trim().to_owned()),
                )
            })
            .collect(),
        _ => return wrong("", Problem::Type("object")),
    };
    if given.len() > MAX_ITEMS {
        return wrong("", Problem::TooMany(MAX_ITEMS as u64));
    }
    let mut accepted = BTreeMap::new();
    let mut kept = BTreeSet::new();
    for (name, value) in given {
        let inside = pointer(&name, "");
        if !is_variable(&name) {
            return wrong(&inside, Problem::VariableName);
        }
        if is_reserved(&name) && rules.commands != Commands::Any {
            return wrong(&inside, Problem::VariableReserved);
        }
        match value {
            Value::Null if kept_secrets.contains(&format!("{}/{name}", field.name)) => {
                kept.insert(name);
            }
            Value::Null => return wrong(&inside, Problem::Missing),
            Value::String(text) => {
                if let Err(problem) = check_text(&text) {
                    return wrong(&inside, problem);
                }
                accepted.insert(name, Secret::new(text));
            }
            _ => return wrong(&inside, Problem::Type("string")),
        }
    }
    Ok(Accepted::Variables(accepted, kept))
}
