//! Tests of the documents and help texts: commands, options, examples, alarms and links exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};

use crate::{Cli, moved};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
}

/// Returns every document of the checkout, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in [".", "docs", "events", "fuzz", "local/twilio-sim"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder exists") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|end| end == "md") {
                found.push((path.clone(), fs::read_to_string(path).expect("text")));
            }
        }
    }
    assert!(found.len() >= 6, "{found:?}");
    found
}

/// Splits a shell command into words. Quotes keep blanks together, and `>` ends the command.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            '>' if !is_quoted => break,
            other => words.last_mut().expect("a word").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns whether a program of its own parses the arguments of this verb.
fn is_program(verb: &Command) -> bool {
    verb.is_disable_help_flag_set()
}

#[test]
fn help_explains_each_verb_and_option_and_its_examples_are_valid() {
    let mut cli = Cli::command();
    cli.build();
    for verb in cli.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let name = verb.get_name();
        if name == "help" {
            continue;
        }
        assert!(verb.get_about().is_some(), "{name} has no description");
        if is_program(verb) {
            continue;
        }
        for argument in verb.get_arguments() {
            let id = argument.get_id().as_str();
            let has_help = argument.get_help().is_some()
                || argument
                    .get_possible_values()
                    .iter()
                    .any(|value| value.get_help().is_some());
            assert!(has_help, "{name}: {id} has no description");
        }
        let help = verb.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_else(|| panic!("the help of {name} has no example"));
        let own = format!("cargo xtask {name}");
        let examples: Vec<_> = help.lines().filter(|line| line.contains(&own)).collect();
        assert!(!examples.is_empty(), "{name}: {help}");
        for example in examples {
            let (variables, call) = example.split_once("cargo ").expect("it starts cargo");
            if let Err(error) = Cli::try_parse_from(words(call)) {
                let is_variable = !variables.trim().is_empty()
                    && error.kind() == ErrorKind::MissingRequiredArgument;
                assert!(is_variable, "{example}: {error}");
            }
        }
    }
}

#[test]
fn verbs_and_options_in_the_documents_exist() {
    let mut cli = Cli::command();
    cli.build();
    let mut seen = BTreeSet::new();
    for (file, text) in documents() {
        for (_, rest) in text
            .match_indices("cargo xtask ")
            .map(|(at, found)| text.split_at(at + found.len()))
        {
            let call = rest.split(['`', '\n', '#', '|', ';', ',']).next();
            let call = words(call.unwrap_or_default());
            let Some(verb) = call.first().filter(|verb| !verb.starts_with(['-', '…'])) else {
                continue;
            };
            let verb = verb.trim_end_matches([':', '.', ')']);
            seen.insert(verb.to_owned());
            if moved::is_moved(&[verb.into()]) {
                continue;
            }
            let known = cli.find_subcommand(verb);
            let known = known.unwrap_or_else(|| panic!("{}: no verb {verb}", file.display()));
            if is_program(known) {
                continue;
            }
            let options = call[1..]
                .iter()
                .take_while(|word| *word != "--" && *word != "&&");
            for option in options.filter_map(|word| word.strip_prefix("--")) {
                let option = option.split('=').next();
                let is_known = known
                    .get_arguments()
                    .any(|argument| argument.get_long() == option);
                assert!(is_known, "{}: {verb} has no {option:?}", file.display());
            }
        }
    }
    for verb in ["demo", "dev", "test"] {
        assert!(seen.contains(verb), "found only {seen:?}");
    }
}

#[test]
fn alarms_of_the_template_are_in_the_runbook() {
    let template = fs::read_to_string(root().join("template.yaml")).expect("the template");
    let runbook = fs::read_to_string(root().join("docs/OPERATIONS.md")).expect("the runbook");
    let resource = |line: &str| Some(line.strip_prefix("  ")?.strip_suffix(':')?.to_owned());
    let alarms: Vec<_> = template
        .lines()
        .zip(template.lines().skip(1))
        .filter(|(_, next)| next.trim() == "Type: AWS::CloudWatch::Alarm")
        .map(|(line, _)| resource(line).expect("a resource's name"))
        .collect();
    assert!(alarms.len() > 20, "{alarms:?}");
    for alarm in alarms {
        assert!(
            runbook.contains(&format!("`{alarm}`")),
            "{alarm} isn't in the runbook"
        );
    }
}

#[test]
fn links_in_the_documents_have_a_target() {
    let mut checked = 0;
    for (file, text) in documents() {
        for link in links(&text) {
            if link.starts_with("http") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.clone(),
                path => file.with_file_name(path),
            };
            assert!(target.exists(), "{}: {link} doesn't exist", file.display());
            if !anchor.is_empty() {
                let known = anchors(&fs::read_to_string(&target).expect("text"));
                let exists = known.iter().any(|known| known == anchor);
                assert!(exists, "{}: {link} isn't in {known:?}", file.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "found only {checked} links");
}

/// Returns the targets of a document's links.
fn links(text: &str) -> Vec<&str> {
    let opened = text
        .match_indices("](")
        .map(|(at, mark)| &text[at + mark.len()..]);
    opened.filter_map(|rest| rest.split(')').next()).collect()
}

/// Returns the anchors that GitHub gives a document's headings.
fn anchors(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if is_code || !line.starts_with('#') {
            continue;
        }
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
        found.push(
            kept.map(|letter| if letter == ' ' { '-' } else { letter })
                .collect(),
        );
    }
    found
}
