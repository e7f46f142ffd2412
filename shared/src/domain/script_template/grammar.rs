//! The part of Jinja that templates may use: variables, and filters from a short list.
//!
//! It reads the template's tokens, without recursion: minijinja's parser can overflow the stack on deeply nested expressions.

use std::collections::BTreeSet;

use minijinja::machinery::{Token, Tokenizer};
use minijinja::{Environment, filters, syntax::SyntaxConfig};

use crate::domain::{InvalidValue, ScriptVariables, one_by_one, text_place::place};

/// The only filter that takes an argument, and the only one that accepts a missing variable.
const DEFAULT: &str = "default";
/// The other filters.
const FILTERS: [&str; 6] = ["upper", "lower", "title", "capitalize", "trim", "spell"];
/// The most filters of one variable.
const FILTERS_MAX: usize = 4;
/// Names that Jinja reads as values or operators.
const RESERVED: [&str; 7] = ["true", "True", "false", "False", "none", "None", "not"];

/// Adds the filters.
pub fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter(DEFAULT, filters::default);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("title", filters::title);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("spell", |text: &str| one_by_one(text));
}

/// The variables of a template whose grammar is allowed.
#[derive(Clone, Default)]
pub struct Grammar {
    /// All of them.
    pub named: BTreeSet<String>,
    /// Those that must have a value.
    pub required: BTreeSet<String>,
}

impl Grammar {
    /// Checks the whole template.
    ///
    /// # Errors
    ///
    /// The first part that is not allowed, with its place.
    pub fn check(source: &str, syntax: SyntaxConfig) -> Result<Self, InvalidValue> {
        let mut grammar = Self::default();
        let mut tokens = Tokens {
            source,
            tokenizer: Tokenizer::new(source, "", false, syntax),
            at: 0,
        };
        while let Some(token) = tokens.next()? {
            match token {
                Token::TemplateData(_) => {}
                Token::VariableStart => grammar.variable(&mut tokens)?,
                _ => return Err(tokens.refused("only variables are allowed")),
            }
        }
        Ok(grammar)
    }

    /// Reads a variable with its filters, after `{{`.
    fn variable(&mut self, tokens: &mut Tokens) -> Result<(), InvalidValue> {
        const ONLY: &str =
            "only a variable's name may stand between {{ and }}, with or without filters";
        let name = match tokens.next()? {
            Some(Token::Ident(name)) if !RESERVED.contains(&name) => name,
            _ => return Err(tokens.refused(ONLY)),
        };
        if name.len() > ScriptVariables::NAME_MAX {
            let message = format!(
                "a variable's name has at most {} letters",
                ScriptVariables::NAME_MAX
            );
            return Err(tokens.refused(&message));
        }
        self.named.insert(name.to_owned());
        if self.named.len() > ScriptVariables::COUNT_MAX {
            let message = format!(
                "a script has at most {} variables",
                ScriptVariables::COUNT_MAX
            );
            return Err(tokens.refused(&message));
        }
        let mut has_default = false;
        for count in 0.. {
            match tokens.next()? {
                Some(Token::VariableEnd) => break,
                Some(Token::Pipe) if count < FILTERS_MAX => {
                    let is_default = tokens.filter()?;
                    has_default |= is_default && count == 0;
                }
                Some(Token::Pipe) => {
                    let message = format!("a variable has at most {FILTERS_MAX} filters");
                    return Err(tokens.refused(&message));
                }
                Some(_) => return Err(tokens.refused(ONLY)),
                None => return Err(tokens.refused("}} is missing")),
            }
        }
        if !has_default {
            self.required.insert(name.to_owned());
        }
        Ok(())
    }
}

/// The tokens of a template.
struct Tokens<'a> {
    source: &'a str,
    tokenizer: Tokenizer<'a>,
    /// The offset of the last token.
    at: usize,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, InvalidValue> {
        match self.tokenizer.next_token() {
            Ok(Some((token, span))) => {
                self.at = span.start_offset as usize;
                Ok(Some(token))
            }
            Ok(None) => {
                self.at = self.source.len();
                Ok(None)
            }
            Err(error) => Err(self.refused(error.detail().unwrap_or("it has a syntax error"))),
        }
    }

    /// Reads a filter, after `|`. Returns true if it is [`DEFAULT`].
    fn filter(&mut self) -> Result<bool, InvalidValue> {
        match self.next()? {
            Some(Token::Ident(DEFAULT)) => {}
            Some(Token::Ident(name)) if FILTERS.contains(&name) => return Ok(false),
            _ => {
                let message = format!("the filters are {DEFAULT}, {}", FILTERS.join(", "));
                return Err(self.refused(&message));
            }
        }
        let is_open = matches!(self.next()?, Some(Token::ParenOpen));
        let is_text = is_open && matches!(self.next()?, Some(Token::Str(_) | Token::String(_)));
        if is_text && matches!(self.next()?, Some(Token::ParenClose)) {
            return Ok(true);
        }
        Err(self.refused("default takes one text, such as default(\"customer\")"))
    }

    /// The error at the last token.
    fn refused(&self, message: &str) -> InvalidValue {
        InvalidValue(format!(
            "is not a valid template ({}): {message}",
            place(self.source, self.at)
        ))
    }
}
