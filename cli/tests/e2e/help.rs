//! The help, completions and exit codes.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{outdial, succeed};

const COMMANDS: [&str; 10] = [
    "batch",
    "completions",
    "dialing",
    "doctor",
    "erase",
    "export",
    "import",
    "indexes",
    "key",
    "redrive",
];

#[test]
fn help_lists_commands_and_exit_codes() {
    let help = succeed(&mut outdial(&["--help"]));
    let (_, rest) = help.split_once("Commands:\n").expect("a list");
    let listed: BTreeSet<_> = rest
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let mut expected = BTreeSet::from(COMMANDS);
    expected.insert("help");
    assert_eq!(listed, expected, "{help}");
    for code in ["  0 ", "  1 ", "  2 ", "  129, 130, 143 ", "  141 "] {
        assert!(help.contains(code), "{code}: {help}");
    }
}

#[test]
fn each_example_parses() {
    for command in COMMANDS {
        let help = succeed(&mut outdial(&[command, "--help"]));
        let (_, examples) = help.split_once("Examples:\n").expect(command);
        let examples: Vec<_> = examples.lines().filter_map(arguments).collect();
        assert!(!examples.is_empty(), "{command}: {help}");
        for words in examples {
            assert_eq!(words[0], command);
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            assert_parses(&words, &help);
        }
    }
}

/// Asserts that clap accepts a command line.
pub fn assert_parses(words: &[&str], context: &str) {
    // An unknown flag behind a correct command line is the only fault that is reported.
    let output = outdial(&[words, &["--unknown-flag"]].concat()).output();
    let output = output.expect("outdial runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
    assert!(
        stderr.contains("unexpected argument '--unknown-flag'"),
        "{words:?}: {stderr}: {context}"
    );
}

/// Returns the arguments of `outdial` in an example, as a shell splits them.
pub fn arguments(line: &str) -> Option<Vec<String>> {
    let (_, line) = line.split_once("outdial ")?;
    let line = line.split([';', '>', '#']).next()?;
    let quoted = line.split('\'').enumerate().flat_map(|(at, part)| {
        if at % 2 == 1 {
            vec![part.to_owned()]
        } else {
            part.split_whitespace().map(str::to_owned).collect()
        }
    });
    Some(quoted.collect())
}

#[test]
fn version_is_that_of_the_package() {
    let version = succeed(&mut outdial(&["--version"]));
    assert_eq!(
        version,
        concat!("outdial ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn usage_errors_exit_with_2() {
    for arguments in [
        &[][..],
        &["explode"],
        &["erase"],
        &["erase", "nobody"],
        &["export"],
        &["export", "numbers"],
        &["export", "users", "calls"],
        &["key", "two words"],
        &["key", "a", "--scope", "everything"],
        &["dialing", "status", "--reason", "x"],
        &["dialing", "on", "--cancel-queued"],
        &["dialing", "off", "--by", "two\nlines"],
        &["key", "a", "--output", "yaml"],
    ] {
        let output = outdial(arguments).output().expect("outdial runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
}

#[test]
fn bash_loads_the_completions() {
    let outdial = env!("CARGO_BIN_EXE_outdial");
    let script = format!("source <({outdial} completions bash) && complete -p outdial");
    let output = Command::new("bash").args(["-c", &script]).output();
    let output = output.expect("bash runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains("_outdial"),
        "{output:?}"
    );
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = succeed(&mut outdial(&["completions", shell]));
        for word in ["doctor", "cancel-queued", "recordings"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}
