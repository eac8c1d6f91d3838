use std::os::unix::fs::symlink;

use super::*;

fn find(program: &Path, search: &str) -> Result<Found, Error> {
    super::find(program, search, &Closed::default())
}

struct Place {
    _dir: tempfile::TempDir,
    at: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().canonicalize().unwrap();
        Self { _dir: dir, at }
    }

    fn program(&self, path: &str, text: &str) -> PathBuf {
        let path = self.at.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn folder(&self, path: &str) -> PathBuf {
        let path = self.at.join(path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// A `PATH` of these folders.
    fn search(&self, folders: &[&str]) -> String {
        let folders: Vec<_> = folders.iter().map(|f| self.at.join(f)).collect();
        std::env::join_paths(folders)
            .unwrap()
            .into_string()
            .unwrap()
    }
}

#[test]
fn the_systems_programs_need_nothing() {
    let found = find(Path::new("sh"), "/nowhere:/usr/bin:/bin").unwrap();
    assert!(found.path.ends_with("sh"));
    assert!(found.reads.is_empty(), "{:?}", found.reads);
}

#[test]
fn the_first_of_the_path_that_may_be_run_counts() {
    let place = Place::new();
    place.folder("a/tool");
    std::fs::write(place.folder("b").join("tool"), "not to be run").unwrap();
    let tool = place.program("c/tool", "");
    place.program("d/tool", "");
    let search = format!("relative:{}", place.search(&["a", "b", "c", "d"]));
    assert_eq!(find(Path::new("tool"), &search).unwrap().path, tool);
    assert!(matches!(
        find(Path::new("./tool"), &search),
        Err(Error::ProgramRelative(_))
    ));
    assert!(matches!(
        find(Path::new("other"), &search),
        Err(Error::ProgramNotFound { .. })
    ));
}

/// As nvm has it: `bin/npx` leads to a script among the packages, which `env node` runs.
#[test]
fn a_node_of_its_own_is_opened_without_the_home_around_it() {
    let place = Place::new();
    let secret = place.folder("home/.ssh");
    let version = "home/.nvm/v22";
    place.program(&format!("{version}/bin/node"), "\u{7f}ELF");
    let script = place.program(
        &format!("{version}/lib/node_modules/npm/bin/npx-cli.js"),
        "#!/usr/bin/env node\n",
    );
    let npx = place.at.join(version).join("bin/npx");
    symlink(&script, &npx).unwrap();
    let search = place.search(&[&format!("{version}/bin")]);
    let found = find(Path::new("npx"), &search).unwrap();
    assert_eq!(found.path, npx);
    let read = |path: &Path| found.reads.iter().any(|open| path.starts_with(open));
    assert!(read(&script) && read(&place.at.join(version).join("bin/node")));
    assert!(
        !read(&secret) && !read(&place.at.join(version).join("etc")),
        "{:?}",
        found.reads
    );
}

/// A virtual environment is run by its own name, and reads what its link leads to.
#[test]
fn a_virtual_environment_reads_the_python_it_was_made_from() {
    let place = Place::new();
    let real = place.program("versions/3.11/bin/python3.11", "\u{7f}ELF");
    symlink("python3.11", place.at.join("versions/3.11/bin/python3")).unwrap();
    let lib = place.folder("versions/3.11/lib/python3.11");
    place.folder("venv/bin");
    let python = place.at.join("venv/bin/python");
    symlink(place.at.join("versions/3.11/bin/python3"), &python).unwrap();
    std::fs::write(place.at.join("venv/pyvenv.cfg"), "").unwrap();
    let tool = place.program("venv/bin/tool", &format!("#!{}\n", python.display()));
    let found = find(&tool, "").unwrap();
    for path in [&real, &lib, &python, &place.at.join("venv/pyvenv.cfg")] {
        assert!(
            found.reads.iter().any(|open| path.starts_with(open)),
            "{path:?}"
        );
    }
    assert!(!found.reads.contains(&place.at));
}

#[test]
fn behind_a_shim_is_the_version_that_is_chosen() {
    let place = Place::new();
    place.program("pyenv/shims/python3", "#!/usr/bin/env bash\n");
    place.program("pyenv/shims/other", "#!/usr/bin/env bash\n");
    let python = place.program("pyenv/versions/3.12.1/bin/python3", "\u{7f}ELF");
    std::fs::write(place.at.join("pyenv/version"), "3.9.0\n3.12.1\n").unwrap();
    let uvx = place.program("tools/uvx", "\u{7f}ELF");
    let search = place.search(&["pyenv/shims", "tools"]);
    assert_eq!(find(Path::new("python3"), &search).unwrap().path, python);
    assert!(find(Path::new("other"), &search).is_err());
    let found = find(Path::new("uvx"), &search).unwrap();
    assert_eq!(found.path, uvx);
    let expected = ("UV_PYTHON".to_owned(), python.display().to_string());
    assert_eq!(found.env, [expected]);
    assert!(found.reads.iter().any(|open| python.starts_with(open)));
}

#[test]
fn interpreters_that_run_each_other_end() {
    let place = Place::new();
    let (a, b) = (place.at.join("a"), place.at.join("b"));
    place.program("a", &format!("#!{}\n", b.display()));
    place.program("b", &format!("#!{}\n", a.display()));
    let found = find(&a, "").unwrap();
    assert!(found.reads.contains(&a) && found.reads.contains(&b));
}

/// What is beside a program may be a link, and then counts as what it leads to.
#[test]
fn nothing_closed_is_opened_because_it_is_beside_a_program() {
    let place = Place::new();
    let tool = place.program("p/bin/tool", "");
    let lib = place.folder("elsewhere/lib");
    let data = place.folder("var/data");
    for (name, target, opened) in [
        ("lib", lib.as_path(), true),
        ("lib", data.as_path(), false),
        ("lib", data.parent().unwrap(), false),
        ("lib", Path::new("/"), false),
        ("pyvenv.cfg", &data.join("key"), false),
    ] {
        std::fs::write(data.join("key"), "").unwrap();
        let beside = place.at.join("p").join(name);
        symlink(target, &beside).unwrap();
        let closed = Closed::new(std::slice::from_ref(&data));
        let found = super::find(&tool, "", &closed).unwrap();
        assert_eq!(
            found.reads.contains(&target.to_owned()),
            opened,
            "{target:?}"
        );
        assert!(!found.reads.contains(&beside), "real paths only");
        std::fs::remove_file(&beside).unwrap();
    }
}

#[test]
fn no_program_comes_from_where_servers_write() {
    let place = Place::new();
    let own = place.program("people/7/p/bin/tool", "");
    let system = place.program("opt/bin/sh", "");
    symlink(&system, place.at.join("people/7/sh")).unwrap();
    symlink(place.at.join("opt"), place.at.join("people/7/opt")).unwrap();
    symlink(place.at.join("people/7"), place.at.join("opt/person")).unwrap();
    let link = place.at.join("opt/bin/link");
    symlink(place.at.join("people/7/sh"), &link).unwrap();
    let script = place.program("opt/bin/script", &format!("#!{}\n", own.display()));
    let through = place.program("opt/bin/through", "#!/usr/bin/env tool\n");
    let closed = Closed::new(&[place.at.join("people/{user}")]);
    let search = place.search(&["people/7/p/bin"]);
    for program in [
        own.as_path(),
        &place.at.join("people/7/sh"),
        &place.at.join("people/7/opt/bin/sh"),
        &place.at.join("opt/person/opt/bin/sh"),
        &place.at.join("people/7/../../opt/bin/sh"),
        &link,
        &script,
        &through,
        Path::new("tool"),
    ] {
        let refused = super::find(program, &search, &closed);
        assert!(
            matches!(refused, Err(Error::ProgramClosed(_))),
            "{program:?}"
        );
        assert!(
            find(program, &search).is_ok(),
            "{program:?} without what is closed"
        );
    }
    assert!(super::find(&system, &search, &closed).is_ok());
    // Python, for uv, neither.
    let uvx = place.program("opt/bin/uvx", "");
    place.program("people/7/p/bin/python3", "");
    assert!(super::find(&uvx, &search, &closed).is_err());
}

/// The first line as the kernel reads it: a form feed is part of a name.
#[test]
fn an_interpreter_is_the_one_that_the_kernel_would_run() {
    let place = Place::new();
    let other = place.program("other", "");
    let secret = place.at.join("secret");
    std::fs::write(&secret, "").unwrap();
    let at = place.at.display().to_string();
    for (line, runs) in [
        (format!("#!{at}/other"), true),
        (format!("#! \t{at}/other\t-x y"), true),
        (format!("#!{at}/other\x0c"), false),
        (format!("#!{at}/other\r"), false),
        (format!("#!{at}/other\u{a0}x"), false),
        (format!("#!{at}/secret"), false),
        ("#!other".to_owned(), false),
    ] {
        let script = place.program("script", &format!("{line}\n"));
        let found = find(&script, "").unwrap();
        assert_eq!(found.reads.contains(&other), runs, "{line:?}");
        assert!(
            !found.reads.contains(&secret),
            "what is no program is not opened"
        );
    }
}
