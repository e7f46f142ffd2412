//! Tests the layout of the source tree: what every file opens with, and which modules and crates may use which.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is in the workspace")
}

/// Returns the paths of all source files, relative to the workspace: those that git tracks or, in a source archive without git,
/// all files outside of `target` and hidden folders.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    let mut files = Vec::new();
    match listed {
        Some(output) => {
            let text = String::from_utf8(output.stdout).expect("paths are UTF-8");
            files.extend(text.split_terminator('\0').map(str::to_owned));
        }
        None => walk(root().to_owned(), &mut files),
    }
    // A tracked file may be deleted in the work tree.
    files.retain(|file| root().join(file).is_file());
    files
}

fn walk(folder: PathBuf, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let is_source = name.is_some_and(|name| {
            !name.starts_with('.') && !["target", "node_modules"].contains(&name)
        });
        if path.is_dir() && is_source {
            walk(path, files);
        } else if path.is_file() {
            let path = path.strip_prefix(root()).expect("inside the workspace");
            files.push(path.to_str().expect("paths are UTF-8").replace('\\', "/"));
        }
    }
}

/// Returns the paths and contents of the files with this prefix and suffix. There is at least one.
fn sources(prefix: &str, suffix: &str) -> Vec<(String, String)> {
    let mut files = files();
    files.retain(|file| file.starts_with(prefix) && file.ends_with(suffix));
    assert!(!files.is_empty(), "no {prefix}…{suffix}");
    let read = |file: String| {
        let text = std::fs::read_to_string(root().join(&file)).expect("a text file");
        (file, text)
    };
    files.into_iter().map(read).collect()
}

/// Returns the code of a source file without comments and unit tests.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {");
    let lines = text[..end.unwrap_or(text.len())].lines();
    lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// Returns the identifier at the start of the text, which may be empty.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Returns the modules `x` in `crate::x` and `crate::{x, y::Z}`.
fn used_modules(code: &str) -> BTreeSet<&str> {
    let mut used = BTreeSet::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            used.insert(identifier(rest));
            continue;
        };
        let mut depth = 1;
        let mut is_start = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => is_start = true,
                c if is_start && !c.is_whitespace() => {
                    used.insert(identifier(&group[at..]));
                    is_start = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    used
}

/// Returns the layers of `shared/src/lib.rs`, lowest first, from its documentation.
fn layers(lib: &str) -> Vec<Vec<String>> {
    let (_, section) = lib.split_once("//! # Layers\n").expect("a section Layers");
    let section = section.split("//! #").next().expect("its text");
    let names = |layer: &str| {
        let names = layer.split("[`").skip(1);
        names.map(|name| identifier(name).to_owned()).collect()
    };
    section.split(';').map(names).collect()
}

/// Returns the names of the crates in the dependency tables of a manifest, without the dependencies of its tests.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let mut is_table = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end().trim_end_matches(']');
            let (kind, name) = match table.rsplit_once("dependencies.") {
                Some((kind, name)) => (kind, Some(name)),
                None => (table.trim_end_matches("dependencies"), None),
            };
            let is_dependencies = table.contains("dependencies")
                && !kind.ends_with("dev-")
                && !kind.starts_with("workspace");
            is_table = is_dependencies && name.is_none();
            names.extend(name.filter(|_| is_dependencies));
        } else if is_table && !line.starts_with([' ', '#', '}', ']']) {
            let end = line.find(['.', '=', ' ']).unwrap_or(line.len());
            names.insert(&line[..end]);
        }
    }
    names.remove("");
    names
}

/// Returns the name of the package.
fn package(manifest: &str) -> Option<&str> {
    let (_, package) = manifest.split_once("[package]\n")?;
    let line = package.lines().find(|line| line.starts_with("name"))?;
    line.split('"').nth(1)
}

#[test]
fn every_source_file_opens_with_its_description() {
    let silent: Vec<_> = sources("", ".rs")
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(silent, [""; 0], "the first line must be a `//!` comment");
}

#[test]
fn modules_of_shared_use_only_earlier_layers() {
    let sources = sources("shared/src/", ".rs");
    let (_, lib) = sources
        .iter()
        .find(|(file, _)| file == "shared/src/lib.rs")
        .expect("shared has a lib.rs");
    let layers = layers(lib);
    let layer = |module: &str| {
        layers
            .iter()
            .position(|layer| layer.iter().any(|name| name == module))
    };
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod "));
    for module in declared.map(|line| line.trim_end_matches(';')) {
        assert!(layer(module).is_some(), "lib.rs lists no layer of {module}");
    }
    let mut uses = 0;
    let mut wrong = Vec::new();
    for (file, text) in &sources {
        let module = identifier(&file["shared/src/".len()..]);
        if module == "lib" || file.ends_with("/tests.rs") {
            continue;
        }
        for used in used_modules(&code(text)) {
            uses += 1;
            if used != module && layer(used) >= layer(module) {
                wrong.push(format!("{file} uses {used}"));
            }
        }
    }
    assert!(uses > 100, "only {uses} uses were seen");
    assert_eq!(wrong, [""; 0], "a module may use only earlier layers");
}

#[test]
fn domain_names_no_driver_and_no_http() {
    let mut wrong = Vec::new();
    for (file, text) in sources("shared/src/domain/", ".rs") {
        for name in ["mongodb", "axum", "http::", "reqwest", "lambda_http"] {
            let code = code(&text);
            let is_named = code.match_indices(name).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            });
            if is_named {
                wrong.push(format!("{file} names {name}"));
            }
        }
    }
    assert_eq!(
        wrong, [""; 0],
        "the domain uses no driver and no HTTP crate"
    );
}

#[test]
fn functions_and_the_command_depend_on_outdial_alone() {
    let manifests = sources("", "Cargo.toml");
    let packages: BTreeSet<_> = manifests
        .iter()
        .filter_map(|(_, text)| package(text))
        .collect();
    assert!(packages.contains("outdial"), "{packages:?}");
    let mut checked = 0;
    for (file, text) in &manifests {
        if !file.starts_with("functions/") && file != "cli/Cargo.toml" {
            continue;
        }
        checked += 1;
        let mut local = dependencies(text);
        local.retain(|name| packages.contains(name));
        assert_eq!(local, BTreeSet::from(["outdial"]), "{file}");
    }
    assert!(checked > 10, "only {checked} manifests were seen");
}
