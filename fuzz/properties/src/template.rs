//! Property `template`: any text is a template that inserts values as they are, or is refused.

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use outdial::domain::{RenderError, Script, ScriptTemplate};

use crate::structured;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    before: &'a str,
    value: &'a str,
    after: &'a str,
}

/// Parses any text as a template, and renders it. A script is within its bounds. Text without variables stays as it is. A value is
/// inserted without a change. A variable without a value is reported.
///
/// # Panics
///
/// If the property is violated.
pub fn template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(template) = text.parse::<ScriptTemplate>() {
        rendered(&template);
    }
    let is_plain = !text.contains("{{") && !text.contains("{%");
    if is_plain && let Ok(script) = text.parse::<Script>() {
        assert_eq!(render(&text, ""), Ok(script));
    }
    if let Some(input) = structured::read::<Input>(bytes) {
        inserted(&input);
    }
}

/// Renders with long values, short values, and without one of the values.
fn rendered(template: &ScriptTemplate) {
    let names = template.variables();
    assert!(names.iter().all(|name| template.as_str().contains(name)));
    for value in ["x", "{{ x }}", "ß", "\u{1F600}", " "] {
        for times in [1, 100, 1_000] {
            let given = names.iter();
            let given: BTreeMap<_, _> = given
                .map(|name| (name.clone(), value.repeat(times)))
                .collect();
            match template.render(&given) {
                Ok(script) => {
                    let characters = script.as_str().chars().count();
                    assert!((1..=3_000).contains(&characters), "{characters}");
                }
                Err(RenderError::Invalid(_)) => {}
                Err(RenderError::Missing(missing)) => panic!("{missing:?} had values"),
            }
        }
    }
    let missing: Vec<_> = names.iter().cloned().collect();
    let refused = template.render(&BTreeMap::new());
    if !missing.is_empty() {
        assert_eq!(refused, Err(RenderError::Missing(missing)));
    }
}

/// Puts a variable between two texts.
fn inserted(input: &Input) {
    let Input {
        before,
        value,
        after,
    } = input;
    let is_plain = |text: &str| !text.contains("{{") && !text.contains("{%");
    // After a `{`, the variable's own braces would mean something else.
    if !is_plain(before) || !is_plain(after) || before.ends_with('{') {
        return;
    }
    let text = format!("{before}{{{{ x }}}}{after}");
    let wanted = format!("{before}{value}{after}").parse::<Script>();
    if let (Ok(_), Ok(wanted)) = (text.parse::<Script>(), wanted) {
        assert_eq!(render(&text, value), Ok(wanted), "{input:?}");
    }
}

fn render(text: &str, x: &str) -> Result<Script, RenderError> {
    let template: ScriptTemplate = text
        .parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"));
    template.render(&BTreeMap::from([("x".to_owned(), x.to_owned())]))
}
