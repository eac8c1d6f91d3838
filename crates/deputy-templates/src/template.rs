//! A kind of server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::field::{Condition, Field};
use crate::localized::Localized;
use crate::pattern::Pattern;
use crate::policy::{DefaultPolicy, Policy};

/// A kind of server: what it is called, what it asks for, how it is started or reached. Made by [`crate::Registry`],
/// and valid once made: every placeholder has its property and every property is used.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name among the templates: `[a-z][a-z0-9-]{0,31}`.
    pub server_type: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What people see it called.
    pub title: Localized,
    /// One or two sentences.
    pub description: Localized,
    /// What a person does to get the values that are asked for, as Markdown.
    pub setup: Localized,
    /// The package or service behind it and its version, for documentation: `@scope/name@1.2.3`.
    pub package: Option<String>,
    /// How the server is started or reached.
    pub transport: Transport,
    /// JSON Schema 2020-12 of the configuration, with `x-…` annotations for forms.
    pub config_schema: Value,
    /// The properties of the schema, in the order in which they are asked for.
    pub fields: Vec<Field>,
    /// A call that shows that the server works, beside listing its tools.
    pub check: Option<Check>,
    /// What of the machine it needs.
    pub needs: Needs,
    /// What happens to tools without a policy of their own, unless the person says otherwise.
    pub default_policy: DefaultPolicy,
    /// Policies of tools, by their names.
    pub policies: BTreeMap<String, Policy>,
    /// What it was read from.
    pub(crate) source: Map<String, Value>,
}

/// Where a template comes from; of two with one name the later in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Compiled in.
    BuiltIn,
    /// A row of `mcp_server_templates`.
    Database,
    /// A file of the administrator's folder.
    Folder,
}

/// How a server is spoken to.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A process, over its standard input and output.
    Stdio(Stdio),
    /// Streamable HTTP at a URL.
    Http(Http),
}

/// A process.
#[derive(Clone, Debug)]
pub struct Stdio {
    /// The program, looked up in `PATH` if it is a bare name; `${config:…}` in the template of custom servers.
    pub program: Pattern,
    /// Arguments, in groups: a group is left out as a whole when one of its optional values wasn't given. No secrets:
    /// everybody on a machine can read the arguments of its processes.
    pub args: Vec<Vec<Pattern>>,
    /// Variables of its environment; one is left out when an optional value of it wasn't given.
    pub env: Vec<(String, Pattern)>,
    /// The property whose members are further variables, all of them secret.
    pub env_from: Option<String>,
    /// What is run beforehand, with the network open, for a server that then runs without.
    pub prepare: Option<Prepare>,
}

/// What is run once before a server of this definition is started: fetches packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// The program, looked up in `PATH`.
    pub program: String,
    /// Its arguments, as they are.
    #[serde(default)]
    pub args: Vec<String>,
    /// The program that it brings, which is then started instead of the server's. A template's own step says
    /// none.
    #[serde(skip)]
    pub installs: Option<Installs>,
}

/// A program that a package brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installs {
    /// Its name.
    pub name: String,
    /// Whether it has to be that name: otherwise the only program of the package is meant, whatever its name.
    pub exactly: bool,
    /// Its arguments.
    pub args: Vec<String>,
}

/// Streamable HTTP.
#[derive(Clone, Debug)]
pub struct Http {
    /// Where it is.
    pub url: Pattern,
    /// Headers of every request.
    pub headers: Vec<HeaderTemplate>,
    /// Whether a token is got by OAuth.
    pub oauth: Option<OAuthTemplate>,
}

/// A header.
#[derive(Clone, Debug)]
pub struct HeaderTemplate {
    /// Its name.
    pub name: Pattern,
    /// Its value.
    pub value: Pattern,
    /// Only then; always, if there is no condition.
    pub when: Option<Condition>,
}

/// Authorization by OAuth.
#[derive(Clone, Debug)]
pub struct OAuthTemplate {
    /// Only then; always, if there is no condition.
    pub when: Option<Condition>,
    /// Scopes, separated by spaces; the server's own metadata say which, if there is none.
    pub scopes: Option<Pattern>,
    /// A client that is registered already.
    pub client_id: Option<Pattern>,
    /// Its secret.
    pub client_secret: Option<Pattern>,
}

/// A call of a tool that only reads, made when a server is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The tool.
    pub tool: String,
    /// Its arguments, as they are.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// What of the machine a server needs. What isn't named here it doesn't get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// The network.
    pub network: Network,
    /// Properties of the kind `folder`: these folders can be written.
    pub folders: Vec<String>,
    /// A folder of its own (`${data:path}`), which can be written.
    pub data: bool,
    /// What has to be installed on the server's machine, for people: "Node.js 20 or newer, with npx".
    pub programs: Option<Localized>,
}

/// Whether a server has the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// No, not even the loopback.
    #[default]
    None,
    /// Yes.
    Open,
}

impl Template {
    /// The program that must be installed on this machine, unless the person names it or there is none.
    pub fn program(&self) -> Option<&str> {
        match &self.transport {
            Transport::Stdio(stdio) => stdio.program.plain(),
            Transport::Http(_) => None,
        }
    }

    /// The field of a property.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// What is shown of a stored configuration: the values that aren't secret, and `null` for each secret that is
    /// stored. What is shown can be given back to [`Template::check`], which then keeps those secrets.
    pub fn view(
        &self,
        config: &Map<String, Value>,
        secrets: &std::collections::BTreeSet<String>,
    ) -> Map<String, Value> {
        let mut shown = Map::new();
        for field in &self.fields {
            if field.secret && field.kind.is_map() {
                let members: Map<String, Value> = secrets
                    .iter()
                    .filter_map(|key| key.strip_prefix(&field.name)?.strip_prefix('/'))
                    .map(|member| (member.to_owned(), Value::Null))
                    .collect();
                if !members.is_empty() {
                    shown.insert(field.name.clone(), Value::Object(members));
                }
            } else if field.secret {
                if secrets.contains(&field.name) {
                    shown.insert(field.name.clone(), Value::Null);
                }
            } else if let Some(value) = config.get(&field.name) {
                shown.insert(field.name.clone(), value.clone());
            }
        }
        shown
    }
}
