//! Templates of scripts: text with `{{ variables }}`, which the calls of a batch fill in.
//!
//! A template is Jinja, cut down to variables and a few filters. It has no statements, loops, tests, operators or calls. So
//! nothing in a template or a value can run, and rendering takes bounded time.

mod grammar;

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, str::FromStr, sync::Arc};

use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig,
};
use serde::{Serialize, Serializer};

use super::{InvalidValue, Script, Ssml, from_json_string, text_place::place};
use grammar::Grammar;

/// A script with `{{ variables }}`: 1 to 3,000 characters, all of which XML 1.0 allows.
///
/// A variable may have filters: `{{ first_name | default("customer") | title }}`. Any other text stays as it is, also a lone
/// `{` or `}}`, and `{#`. Only `{%` is refused.
#[derive(Clone)]
pub struct ScriptTemplate {
    source: Script,
    grammar: Grammar,
    environment: Arc<Environment<'static>>,
}

/// Why a template gives no script for some values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The template needs these variables, and they have no value.
    #[error("names variables that have no value: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// The result is not a script: it is too long or blank, for example.
    #[error("with these variables, the script {0}")]
    Invalid(InvalidValue),
}

/// The name under which the environment holds the template.
const NAME: &str = "script";

/// The work that rendering may take: one for an instruction, and one for 64 bytes. The longest templates have about 3,000
/// instructions, and the longest scripts 12,000 bytes.
const FUEL: u64 = 10_000;

impl ScriptTemplate {
    /// The template of a text with SSML. Rendered values are text, and not markup.
    ///
    /// # Errors
    ///
    /// If the text is not a template.
    pub fn of_ssml(ssml: &Ssml) -> Result<Self, InvalidValue> {
        Self::parse(ssml.as_str(), AutoEscape::Html)
    }

    /// The text, as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.source.as_str()
    }

    /// The text as a script, to be stored: a template obeys the rules of scripts.
    #[must_use]
    pub fn source(&self) -> Script {
        self.source.clone()
    }

    /// Returns the names of the variables that must have a value: all but those with `default` as their first filter.
    #[must_use]
    pub fn variables(&self) -> &BTreeSet<String> {
        &self.grammar.required
    }

    /// Renders the script with these values. Values that the template does not name are ignored. A value is inserted as it is:
    /// `{{` in it has no meaning, and XML is escaped only by [`ScriptTemplate::of_ssml`]. A name without a value has that of the same name in lower case:
    /// variables from a table have such names, whatever the case of the column's.
    ///
    /// # Errors
    ///
    /// If a value is missing, or the result is not a valid [`Script`].
    pub fn render(&self, variables: &BTreeMap<String, String>) -> Result<Script, RenderError> {
        let missing = self.grammar.required.iter();
        let missing: Vec<_> = missing
            .filter(|name| value_of(variables, name).is_none())
            .cloned()
            .collect();
        if !missing.is_empty() {
            return Err(RenderError::Missing(missing));
        }
        let named = self.grammar.named.iter();
        let named = named.filter_map(|name| {
            let value = value_of(variables, name)?;
            Some((name.as_str(), Value::from(value)))
        });
        let rendered = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render(Value::from_pairs(named)));
        let invalid = |error: Error| match error.kind() {
            ErrorKind::OutOfFuel => InvalidValue::new("is too long"),
            _ => InvalidValue::new("can't be rendered"),
        };
        rendered
            .map_err(invalid)
            .and_then(|text| text.parse())
            .map_err(RenderError::Invalid)
    }
}

fn value_of<'a>(variables: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    let value = variables.get(name);
    let value = value.or_else(|| variables.get(&name.to_ascii_lowercase()))?;
    Some(value)
}

impl FromStr for ScriptTemplate {
    type Err = InvalidValue;

    fn from_str(source: &str) -> Result<Self, InvalidValue> {
        Self::parse(source, AutoEscape::None)
    }
}

impl ScriptTemplate {
    fn parse(source: &str, escape: AutoEscape) -> Result<Self, InvalidValue> {
        // A template obeys the rules of scripts, because it is one if it names no variable.
        let script = source.parse()?;
        if let Some(at) = source.find("{%") {
            let place = place(source, at);
            return Err(InvalidValue::new(format!(
                "must not contain {{% ({place}): a template has variables, but no statements"
            )));
        }
        let syntax_error = |error: Error| {
            let detail = error.detail().unwrap_or("it has a syntax error");
            InvalidValue::new(format!("is not a valid template: {detail}"))
        };
        // No script contains U+0000, so no text begins a comment. `{#` is text.
        let syntax = SyntaxConfig::builder()
            .comment_delimiters("\0{", "}\0")
            .keep_trailing_newline(true)
            .build()
            .map_err(syntax_error)?;
        let grammar = Grammar::check(source, syntax.clone())?;
        let mut environment = Environment::empty();
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        grammar::add_filters(&mut environment);
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(syntax_error)?;
        Ok(Self {
            source: script,
            grammar,
            environment: Arc::new(environment),
        })
    }
}

impl PartialEq for ScriptTemplate {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for ScriptTemplate {}

impl Serialize for ScriptTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Debug for ScriptTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = self.as_str().chars().count();
        write!(f, "ScriptTemplate({characters} characters)")
    }
}

from_json_string!(ScriptTemplate);

#[cfg(test)]
mod tests;
