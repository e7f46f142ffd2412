//! The elements and attributes of SSML that Twilio's `<Say>` takes.
//!
//! Source: Twilio's page on text-to-speech. The nesting is that of the W3C's SSML 1.1.

use super::values::Values;

/// An element of SSML.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) attributes: &'static [Attribute],
    /// True if it must have one of its attributes, whichever.
    pub(super) needs_one: bool,
    pub(super) content: Content,
}

/// An attribute of an element.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) values: Values,
    pub(super) is_required: bool,
}

/// The content that an element may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing.
    Nothing,
    /// Text.
    Text,
    /// Text, and elements without `p` and `s`.
    Phrases,
    /// Text, and elements without `p`.
    Sentences,
    /// Text and all elements.
    All,
}

/// The element with this name, or `None`.
pub(super) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// The names of all elements.
pub(super) fn names() -> String {
    KINDS.each_ref().map(|kind| kind.name).join(", ")
}

impl Kind {
    /// Returns true if the element may have such a descendant.
    pub(super) fn may_contain(&self, inner: &Self) -> bool {
        match self.content {
            Content::Nothing | Content::Text => false,
            Content::Phrases => !matches!(inner.name, "p" | "s"),
            Content::Sentences => inner.name != "p",
            Content::All => true,
        }
    }
}

const fn required(name: &'static str, values: Values) -> Attribute {
    Attribute {
        name,
        values,
        is_required: true,
    }
}

const fn optional(name: &'static str, values: Values) -> Attribute {
    Attribute {
        name,
        values,
        is_required: false,
    }
}

const fn element(name: &'static str, attributes: &'static [Attribute], content: Content) -> Kind {
    Kind {
        name,
        attributes,
        needs_one: false,
        content,
    }
}

const STRENGTHS: Values =
    Values::Words(&["none", "x-weak", "weak", "medium", "strong", "x-strong"]);
const INTERPRETATIONS: Values = Values::Words(&[
    "address",
    "cardinal",
    "character",
    "characters",
    "date",
    "digits",
    "expletive",
    "fraction",
    "number",
    "ordinal",
    "spell-out",
    "telephone",
    "time",
    "unit",
]);
const ROLES: Values = Values::Words(&[
    "amazon:VB",
    "amazon:VBD",
    "amazon:DT",
    "amazon:IN",
    "amazon:JJ",
    "amazon:NN",
    "amazon:DEFAULT",
    "amazon:SENSE_1",
]);

static KINDS: [Kind; 10] = [
    element(
        "break",
        &[
            optional("strength", STRENGTHS),
            optional("time", Values::Time),
        ],
        Content::Nothing,
    ),
    element(
        "emphasis",
        &[required(
            "level",
            Values::Words(&["strong", "moderate", "reduced"]),
        )],
        Content::Phrases,
    ),
    element(
        "lang",
        &[required("xml:lang", Values::Language)],
        Content::All,
    ),
    element("p", &[], Content::Sentences),
    element(
        "phoneme",
        &[
            required("alphabet", Values::Words(&["ipa", "x-sampa"])),
            required("ph", Values::Text),
        ],
        Content::Text,
    ),
    Kind {
        name: "prosody",
        attributes: &[
            optional("volume", Values::Volume),
            optional("rate", Values::Rate),
            optional("pitch", Values::Pitch),
        ],
        needs_one: true,
        content: Content::All,
    },
    element("s", &[], Content::Phrases),
    element(
        "say-as",
        &[
            required("interpret-as", INTERPRETATIONS),
            optional("format", Values::Format),
        ],
        Content::Text,
    ),
    element("sub", &[required("alias", Values::Text)], Content::Text),
    element("w", &[required("role", ROLES)], Content::Phrases),
];
