//! The shape of the code: who may name whom. The compiler keeps the crates apart, this keeps the modules apart.

mod names;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use names::{Name, names};

/// The server's modules and what each may name, from the top down: `archive` and `weaviate` meet only in `ops`.
const LAYERS: &[(&str, &[&str])] = &[
    ("main", &["app", "config", "error"]),
    ("app", &["config", "grpc", "jobs", "ops", "archive", "weaviate", "model", "error"]),
    ("config", &["weaviate", "error"]),
    ("grpc", &["config", "jobs", "ops", "archive", "weaviate", "model", "error"]),
    ("jobs", &["ops", "archive", "weaviate", "model", "error"]),
    ("ops", &["archive", "weaviate", "model", "error"]),
    ("archive", &["model", "error"]),
    ("weaviate", &["model", "error"]),
    ("model", &["error"]),
    ("error", &[]),
];

/// Libraries, with all whose names begin so (`tonic_types`), and the server's modules that may know of them.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("arrow", &["archive"]),
    ("object_store", &["archive"]),
    ("parquet", &["archive"]),
    ("reqwest", &["weaviate"]),
    ("prost", &["grpc", "weaviate"]),
    ("selvedge_proto", &["app", "grpc", "weaviate"]),
    ("tonic", &["app", "grpc", "weaviate"]),
];

/// Folders, and what nothing in them may name.
const STRANGERS: &[(&str, &[&str])] = &[
    ("proto", &["selvedge", "selvedge_server", "selvedge_tests"]),
    ("server/src", &["selvedge", "selvedge_tests"]),
    ("client/src", &["selvedge_server", "selvedge_tests", "arrow", "object_store", "parquet", "reqwest"]),
    // What the tests compare Selvedge with must not be Selvedge.
    ("tests/stand_in", &["selvedge", "selvedge_server"]),
];

/// Reads the sources, and fails with every line that breaks a rule.
pub fn imports_follow_the_layers() -> anyhow::Result<()> {
    every_way_to_name_a_module_is_seen()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("tests/ is in the workspace")?;
    let mut breaches = Vec::new();
    for file in sources(&root.join("server/src"))? {
        check_layers(root, &file, &mut breaches)?;
    }
    for (folder, strangers) in STRANGERS {
        for file in sources(&root.join(folder))? {
            check_strangers(root, &file, strangers, &mut breaches)?;
        }
    }
    ensure!(breaches.is_empty(), "the layers are broken:\n{}", breaches.join("\n"));
    Ok(())
}

fn check_layers(root: &Path, file: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    let inside = file.strip_prefix(root.join("server/src"))?.with_extension("");
    let path: Vec<_> = inside.iter().filter_map(|part| part.to_str()).collect();
    let Some((&module, _)) = path.split_first().filter(|(first, _)| **first != "lib") else { return Ok(()) };
    let Some((_, below)) = LAYERS.iter().find(|(layer, _)| *layer == module) else {
        bail!("the module `{module}` has no place yet: say in LAYERS what it may name");
    };
    let source = fs::read_to_string(file)?;
    for (line, name) in names(&path, &source) {
        if let Some(fault) = fault(module, below, &name) {
            breaches.push(format!("{}:{line}: {fault}", file.strip_prefix(root)?.display()));
        }
    }
    Ok(())
}

/// What is wrong with a name in `module`, which may name itself and what is `below` it.
fn fault(module: &str, below: &[&str], name: &Name) -> Option<String> {
    match name {
        Name::Module(other) if other == module || below.contains(&other.as_str()) => None,
        Name::Module(other) => Some(format!("`{module}` names `{other}`")),
        // To the program, the library's modules are those of another crate.
        Name::Crate(krate, inner) if krate == "selvedge_server" => {
            let inner = inner.as_deref().unwrap_or("*");
            (!below.contains(&inner)).then(|| format!("`{module}` names `{krate}::{inner}`"))
        }
        Name::Crate(krate, _) => {
            let (library, users) = LIBRARIES.iter().find(|(library, _)| is_of(krate, library))?;
            let users = (!users.contains(&module)).then(|| users.join(" and "))?;
            Some(format!("`{module}` names `{krate}`; of {library}, only {users} may know"))
        }
    }
}

fn check_strangers(
    root: &Path,
    file: &Path,
    strangers: &[&str],
    breaches: &mut Vec<String>,
) -> anyhow::Result<()> {
    let source = fs::read_to_string(file)?;
    let file = file.strip_prefix(root)?.display();
    for (line, name) in names(&[], &source) {
        if let Name::Crate(krate, _) = name
            && strangers.iter().any(|stranger| *stranger == krate || is_of(&krate, stranger))
        {
            breaches.push(format!("{file}:{line}: `{krate}` must not be known here"));
        }
    }
    Ok(())
}

/// True for `tonic` and `tonic_types` of `tonic`, but not for `selvedge_proto` of `selvedge`.
fn is_of(krate: &str, library: &str) -> bool {
    let rest = krate.strip_prefix(library);
    rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('_') && library != "selvedge"))
}

fn sources(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A check that sees nothing would pass for ever.
fn every_way_to_name_a_module_is_seen() -> anyhow::Result<()> {
    let source = r##"
        use crate::{error::{Error, Kind}, grpc, model::*};
        use super::super::archive;
        use super::{rate, super::{ops, jobs::Job}};
        use tonic;
        #[tonic_types::x] fn f<'a>(job: &'a crate::app::App) -> Vec<char> { // crate::comment::x
            let text = "crate::text::x \" crate::text::y"; let raw = r#"crate::raw::x"#; /* crate::block /* ::y */ */
            let c = ['"', '\'', 'c']; reqwest::get(text); job.parquet(); pub(crate) fn g() {}
        }
        mod tests { use super::*; use super::super::super::config; fn g() { std::arrow::x(); y::<crate::weaviate::Z>(); } }
    "##;
    let found: Vec<_> = names(&["jobs", "job"], source).into_iter().map(|(_, name)| name).collect();
    let module = |name: &str| Name::Module(name.to_owned());
    let krate = |name: &str, inner: Option<&str>| Name::Crate(name.to_owned(), inner.map(str::to_owned));
    let expected = [
        module("error"),
        module("grpc"),
        module("model"),
        module("archive"),
        module("jobs"),
        module("ops"),
        module("jobs"),
        krate("tonic", None),
        krate("tonic_types", Some("x")),
        module("app"),
        krate("reqwest", Some("get")),
        module("jobs"),
        module("config"),
        krate("std", Some("arrow")),
        krate("y", None),
        module("weaviate"),
    ];
    ensure!(found == expected, "names are not read as they should be: {found:?}");
    Ok(())
}
