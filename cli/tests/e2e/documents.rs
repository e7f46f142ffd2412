//! The commands in the documents.

use std::fs;
use std::path::Path;

use crate::help::{arguments, assert_parses};

/// The texts of the documents, each with its name.
fn documents() -> impl Iterator<Item = (String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = [".", "docs", "events"].map(|folder| fs::read_dir(root.join(folder)));
    let paths = entries.into_iter().flat_map(|entries| {
        let entries = entries.expect("the folder exists");
        entries.map(|entry| entry.expect("an entry").path())
    });
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("text");
            (path.display().to_string(), text)
        })
}

/// The lines of the code blocks and the inline code of a Markdown text.
fn code(text: &str) -> Vec<String> {
    let blocks = text.split("```").enumerate();
    let code = blocks.flat_map(|(nth, part)| {
        if nth % 2 == 1 {
            part.lines().map(str::to_owned).collect::<Vec<_>>()
        } else {
            let inline = part.split('`').skip(1).step_by(2);
            inline.map(|code| code.replace('\n', " ")).collect()
        }
    });
    code.collect()
}

#[test]
fn each_command_in_the_documents_parses() {
    let mut checked = 0;
    for (file, text) in documents() {
        for line in code(&text) {
            let is_call = line.starts_with("outdial ") || line.contains("' outdial ");
            let Some(words) = arguments(&line).filter(|_| is_call) else {
                continue;
            };
            let words = words.iter().map(|word| match word.as_str() {
                "BATCH_ID" => "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
                word => word,
            });
            let words: Vec<_> = words.take_while(|word| *word != "&&").collect();
            if words
                .first()
                .is_some_and(|word| word.starts_with(['…', '-']))
            {
                continue;
            }
            // The help ends the command before the fault that the check adds.
            if !words.contains(&"--help") {
                assert_parses(&words, &file);
            }
            checked += 1;
        }
    }
    assert!(checked > 20, "found only {checked} commands");
}
