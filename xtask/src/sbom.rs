//! `cargo xtask sbom`: writes a software bill of materials of the deployed functions, in `CycloneDX` format.
//!
//! It lists what each crate declares as a dependency. All functions use the library `outdial`, so each lists what the library declares,
//! even where the linker drops code that the function never calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use chrono::{SecondsFormat, Utc};
use clap::Args;
use serde_json::{Value, json};
use stack::workspace::{Workspace, cargo};
use uuid::Uuid;

use crate::Result;

#[derive(Args)]
#[command(after_help = "Example:\n  cargo xtask sbom")]
pub struct Arguments {
    /// Target that the functions are built for
    #[arg(long, default_value = "aarch64-unknown-linux-gnu")]
    target: String,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::find()?;
    let folder = workspace.target.join("sbom");
    fs::create_dir_all(&folder)?;
    let file = folder.join("outdial.cdx.json");
    let document = document(&workspace, &arguments.target)?;
    fs::write(&file, format!("{document:#}\n"))?;
    println!("wrote {}", file.display());
    Ok(())
}

/// The reference of all functions together. (`outdial` is the crate that they share.)
const WHOLE: &str = "stack";

/// The name and version of a crate.
type Crate = (String, String);

/// A crate in the output of `cargo tree`.
#[derive(Debug, Default, PartialEq)]
struct Node {
    licence: String,
    repository: String,
    /// True for crates of this workspace.
    is_own: bool,
    dependencies: BTreeSet<Crate>,
}

type Graph = BTreeMap<Crate, Node>;

fn document(workspace: &Workspace, target: &str) -> Result<Value> {
    // As `sam build` does, this resolves the whole workspace at once, without dependencies of tests.
    let graph = tree(workspace, target, "normal,build")?;
    let linked = tree(workspace, target, "normal,no-proc-macro")?;
    let functions = functions(workspace, &graph)?;
    let deployed = reachable(&graph, &functions);
    let running = reachable(&linked, &functions);
    let checksums = checksums(workspace)?;
    let components: Vec<_> = deployed
        .iter()
        .map(|it| {
            let is_function = functions.contains(it);
            let checksum = checksums.get(it).map(String::as_str);
            component(it, &graph[it], is_function, running.contains(it), checksum)
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let mut dependencies = vec![json!({
        "ref": WHOLE,
        "dependsOn": functions.iter().map(reference).collect::<Vec<_>>(),
    })];
    dependencies.extend(deployed.iter().map(|it| {
        let on = graph[it].dependencies.iter().map(reference);
        json!({ "ref": reference(it), "dependsOn": on.collect::<Vec<_>>() })
    }));
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": Uuid::new_v4().urn().to_string(),
        "version": 1,
        "metadata": {
            "timestamp": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            "tools": { "components": [
                { "type": "application", "name": "cargo xtask sbom", "version": version },
            ] },
            "component": {
                "type": "application",
                "bom-ref": WHOLE,
                "name": "outdial",
                "version": version,
                "licenses": [{ "expression": env!("CARGO_PKG_LICENSE") }],
            },
            "properties": [{ "name": "cdx:rustc:sbom:target:triple", "value": target }],
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// One crate as a component. The scope of a crate that only the build runs is `excluded`.
fn component(
    it: &Crate,
    node: &Node,
    is_function: bool,
    is_running: bool,
    checksum: Option<&str>,
) -> Value {
    let (name, version) = it;
    let mut component = json!({
        "type": if is_function { "application" } else { "library" },
        "bom-ref": reference(it),
        "name": name,
        "version": version,
        "scope": if is_running { "required" } else { "excluded" },
        "licenses": [{ "expression": node.licence }],
    });
    if !node.is_own {
        component["purl"] = format!("pkg:cargo/{name}@{}", version.replace('+', "%2B")).into();
    }
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if !node.repository.is_empty() {
        component["externalReferences"] = json!([{ "type": "vcs", "url": node.repository }]);
    }
    component
}

fn reference((name, version): &Crate) -> String {
    format!("{name}@{version}")
}

/// The crates in the folder `functions`.
fn functions(workspace: &Workspace, graph: &Graph) -> Result<BTreeSet<Crate>> {
    let folders: BTreeSet<_> = fs::read_dir(workspace.root.join("functions"))?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<Result<_>>()?;
    let is_function = |(name, _): &&Crate| folders.contains(name.as_ref() as &std::ffi::OsStr);
    let own = graph.iter().filter(|(_, node)| node.is_own);
    Ok(own.map(|(it, _)| it).filter(is_function).cloned().collect())
}

fn reachable(graph: &Graph, from: &BTreeSet<Crate>) -> BTreeSet<Crate> {
    let mut found = BTreeSet::new();
    let mut open: Vec<_> = from.iter().collect();
    while let Some(it) = open.pop() {
        if found.insert(it.clone()) {
            open.extend(&graph[it].dependencies);
        }
    }
    found
}

fn tree(workspace: &Workspace, target: &str, edges: &str) -> Result<Graph> {
    let output = Command::new(cargo())
        .args(["tree", "--workspace", "--locked", "--quiet"])
        .args(["--prefix", "depth", "--format", "|{p}|{l}|{r}|"])
        .args(["--target", target, "--edges", edges])
        .current_dir(&workspace.root)
        .output()?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo tree failed: {stderr}").into());
    }
    parse(&String::from_utf8(output.stdout)?)
}

/// Parses lines such as `2|serde v1.0.229|MIT OR Apache-2.0|https://…|`. The number is the depth.
fn parse(lines: &str) -> Result<Graph> {
    let mut graph = Graph::new();
    let mut above: Vec<Crate> = Vec::new();
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let unread = || format!("cannot parse a line of cargo tree: {line}");
        let mut parts = line.split('|');
        let mut part = || parts.next().ok_or_else(unread);
        let depth: usize = part()?.parse().map_err(|_| unread())?;
        let package = part()?;
        let (name, rest) = package.split_once(" v").ok_or_else(unread)?;
        let (version, kind) = rest.split_once(' ').unwrap_or((rest, ""));
        let it = (name.to_owned(), version.to_owned());
        let node = graph.entry(it.clone()).or_default();
        // Older manifests separate licences with a slash.
        node.licence = part()?.replace('/', " OR ");
        part()?.clone_into(&mut node.repository);
        node.is_own = kind.starts_with("(/");
        above.truncate(depth);
        if let Some(parent) = above.last().and_then(|parent| graph.get_mut(parent)) {
            parent.dependencies.insert(it.clone());
        }
        above.push(it);
    }
    Ok(graph)
}

/// The checksum of each crate from the registry.
fn checksums(workspace: &Workspace) -> Result<BTreeMap<Crate, String>> {
    let lockfile = fs::read_to_string(workspace.root.join("Cargo.lock"))?;
    Ok(parse_checksums(&lockfile))
}

/// Reads the checksums of a lock file. Cargo writes one member a line, such as `name = "serde"`.
fn parse_checksums(lockfile: &str) -> BTreeMap<Crate, String> {
    let packages = lockfile.split("[[package]]").skip(1);
    let packages = packages.filter_map(|package| {
        let member = |name: &str| {
            let mut lines = package.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            Some(value?.trim_end_matches('"').to_owned())
        };
        Some(((member("name")?, member("version")?), member("checksum")?))
    });
    packages.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, version: &str) -> Crate {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn tree_is_parsed_with_edges_and_licences() {
        let graph = parse(
            "0|users v0.1.0 (/src/functions/users)|MIT||\n\
             1|a-b v1.0.0 (proc-macro)|MIT/Apache-2.0|https://example.com/a|\n\
             2|c v2.0.0+x||| (*)\n\
             1|c v2.0.0+x|||\n\n\
             0|xtask v0.1.0 (/src/xtask)|MIT||\n\
             1|d v3.0.0|MIT||\n",
        )
        .unwrap();
        let users = &graph[&named("users", "0.1.0")];
        assert!(users.is_own);
        let (a, c) = (named("a-b", "1.0.0"), named("c", "2.0.0+x"));
        assert_eq!(users.dependencies, BTreeSet::from([a.clone(), c.clone()]));
        let expected = Node {
            licence: "MIT OR Apache-2.0".to_owned(),
            repository: "https://example.com/a".to_owned(),
            is_own: false,
            dependencies: BTreeSet::from([c.clone()]),
        };
        assert_eq!(graph[&a], expected);
        let roots = BTreeSet::from([named("users", "0.1.0")]);
        assert_eq!(reachable(&graph, &roots).len(), 3, "not what xtask needs");
        assert!(parse("rustls v0.23.0").is_err());
    }

    #[test]
    fn checksums_are_read_from_the_lock_file() {
        let lockfile = "version = 4\n\n\
             [[package]]\nname = \"users\"\nversion = \"0.1.0\"\ndependencies = [\n \"c\",\n]\n\n\
             [[package]]\nname = \"c\"\nversion = \"2.0.0+x\"\nsource = \"registry\"\nchecksum = \"00ff\"\n";
        let expected = BTreeMap::from([(named("c", "2.0.0+x"), "00ff".to_owned())]);
        assert_eq!(parse_checksums(lockfile), expected);
    }
}
