//! The slowest Rust tests, from the report that cargo-nextest writes.

use std::fs;
use std::io;
use std::path::PathBuf;

use roxmltree::Document;

use crate::workspace::Workspace;

/// How many tests are printed.
const SHOWN: usize = 20;

/// Where `.config/nextest.toml` has the report written.
fn report(workspace: &Workspace) -> PathBuf {
    workspace.root.join("target/nextest/default/junit.xml")
}

/// Deletes the report of an earlier run.
///
/// # Errors
///
/// When it is there and can't be deleted.
pub fn forget(workspace: &Workspace) -> io::Result<()> {
    match fs::remove_file(report(workspace)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Prints the slowest tests. Without a report, as after `cargo test`, it prints nothing.
pub fn print(workspace: &Workspace) {
    let Ok(report) = fs::read_to_string(report(workspace)) else {
        return;
    };
    let slowest = slowest(&report);
    println!("\nslowest {} Rust tests, in seconds:", slowest.len());
    for (seconds, name) in slowest {
        println!("{seconds:>7.1} {name}");
    }
}

fn slowest(report: &str) -> Vec<(f64, String)> {
    let document = Document::parse(report).ok();
    let cases = document.iter().flat_map(Document::descendants);
    let mut tests: Vec<_> = cases
        .filter(|node| node.has_tag_name("testcase"))
        .filter_map(|node| {
            let attribute = |name| node.attribute(name);
            let name = format!("{} {}", attribute("classname")?, attribute("name")?);
            Some((attribute("time")?.parse::<f64>().ok()?, name))
        })
        .collect();
    tests.sort_by(|one, other| other.0.total_cmp(&one.0));
    tests.truncate(SHOWN);
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_of_nextest_tells_the_slowest_tests_first() {
        let report = r#"<?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="nextest-run" tests="2" time="3.0">
                <testsuite name="users::it" tests="2">
                    <testcase name="quick" classname="users::it" time="0.010"/>
                    <testcase name="slow" classname="users::it" time="2.500"><system-out>x</system-out></testcase>
                </testsuite>
            </testsuites>"#;
        let expected = [(2.5, "users::it slow"), (0.01, "users::it quick")];
        let expected = expected.map(|(seconds, name)| (seconds, name.to_owned()));
        assert_eq!(slowest(report), expected);
        assert!(slowest("not XML").is_empty());
    }
}
