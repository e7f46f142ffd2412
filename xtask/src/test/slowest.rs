//! The slowest Rust tests, from the XML report of cargo-nextest.

use std::fs;
use std::io;
use std::path::PathBuf;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use stack::workspace::Workspace;

/// The number of tests to print.
const SHOWN: usize = 20;

/// The path of the report, which `.config/nextest.toml` sets.
fn report(workspace: &Workspace) -> PathBuf {
    workspace.root.join("target/nextest/default/junit.xml")
}

/// Deletes the report of an earlier run.
///
/// # Errors
///
/// When it exists and can't be deleted.
pub fn forget(workspace: &Workspace) -> io::Result<()> {
    match fs::remove_file(report(workspace)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Prints the slowest tests, or nothing without a report, as after `cargo test`.
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
    let mut reader = Reader::from_str(report);
    let mut tests = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) if tag.name().as_ref() == "testcase" => {
                tests.extend(time_and_name(&tag));
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    tests.sort_by(|one, other| other.0.total_cmp(&one.0));
    tests.truncate(SHOWN);
    tests
}

fn time_and_name(case: &BytesStart<'_>) -> Option<(f64, String)> {
    let attribute = |name: &str| {
        let attribute = case.try_get_attribute(name).ok()??;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        Some(value.into_owned())
    };
    let name = format!("{} {}", attribute("classname")?, attribute("name")?);
    Some((attribute("time")?.parse().ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slowest_tests_come_first() {
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
