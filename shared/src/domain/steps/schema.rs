//! The schemas of steps in the API document.

#![expect(dead_code, reason = "only schemas, never values")]

use serde_json::json;
use utoipa::{
    ToSchema,
    openapi::{
        Ref,
        schema::{Object, Type},
    },
};

/// One step of a call. It has exactly one of `say`, `ask`, `transfer` and `hang_up`.
#[derive(ToSchema)]
#[schema(as = Step, example = json!({
    "id": "confirm",
    "ask": "Press 1 to confirm, or 2 to cancel.",
    "options": {
        "1": {"outcome": "confirmed", "say": "Thank you."},
        "2": {"outcome": "canceled"},
    },
}))]
pub(crate) struct StepBody {
    /// Name of the step. An `ask` and a `transfer` must have one.
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[a-z][a-z0-9_]{0,31}$",
        example = "confirm"
    )]
    id: Option<String>,
    /// Words to say.
    #[schema(required = false, nullable = false)]
    say: Option<PromptBody>,
    /// Question. The person answers with keys, also while it is being said. `*` repeats it.
    #[schema(required = false, nullable = false)]
    ask: Option<PromptBody>,
    /// Options of an `ask`, by key: `0` to `9`. An `ask` has either `options` or `max_digits`.
    #[schema(required = false, nullable = false, schema_with = options)]
    options: Option<String>,
    /// The most digits of an answer to an `ask`. `#` ends a shorter one.
    #[schema(
        required = false,
        nullable = false,
        minimum = 1,
        maximum = 20,
        example = 6
    )]
    max_digits: Option<u32>,
    /// Maximum number of waits for an answer to an `ask`. Default: 3.
    #[schema(
        required = false,
        nullable = false,
        minimum = 1,
        maximum = 3,
        example = 3
    )]
    tries: Option<u32>,
    /// Seconds that an `ask` waits for a key. Default: 5.
    #[schema(
        required = false,
        nullable = false,
        minimum = 3,
        maximum = 15,
        example = 5
    )]
    timeout_seconds: Option<u32>,
    /// Continuation after the last try of an `ask` without an answer. Default: the next step.
    #[schema(required = false, nullable = false)]
    no_input: Option<ThenBody>,
    /// Connects the person with another number. Both talk until one hangs up; then the call ends.
    #[schema(required = false, nullable = false)]
    transfer: Option<TransferBody>,
    /// Ends the call.
    #[schema(required = false, nullable = false, example = true)]
    hang_up: Option<bool>,
}

/// Continuation of a call after an answer, or without one.
#[derive(ToSchema)]
#[schema(as = Then, example = json!({"outcome": "confirmed", "say": "Thank you.", "goto": "end"}))]
struct ThenBody {
    /// Your own name for the result of the call. The last one on the way counts.
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[a-z][a-z0-9_]{0,31}$",
        example = "confirmed"
    )]
    outcome: Option<String>,
    /// Words to say first.
    #[schema(required = false, nullable = false)]
    say: Option<PromptBody>,
    /// The step that follows: the `id` of a later step, or `end`. Default: the next step.
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[a-z][a-z0-9_]{0,31}$",
        example = "end"
    )]
    goto: Option<String>,
}

/// Connection with another number.
#[derive(ToSchema)]
#[schema(as = Transfer, example = json!({"to": "+12125550199", "whisper": "A customer is on the line. Press 1 to talk.", "failed": {"say": "Nobody can talk now."}}))]
struct TransferBody {
    /// Number to connect with, in E.164 format. The calling rules apply to it.
    #[schema(example = "+12125550199")]
    to: String,
    /// Words for the other party before the connection. They must ask it to press 1, because any other key or silence ends the
    /// transfer. Default: English words; so a call in another language needs a `whisper`.
    #[schema(required = false, nullable = false)]
    whisper: Option<PromptBody>,
    /// The longest connection in seconds. Default: 1800.
    #[schema(
        required = false,
        nullable = false,
        minimum = 60,
        maximum = 3600,
        example = 1800
    )]
    max_seconds: Option<u32>,
    /// Continuation without a connection. Default: the next step.
    #[schema(required = false, nullable = false)]
    failed: Option<ThenBody>,
}

/// Words: a text, a part, or up to eight of them. Responses have a list of parts.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = Prompt, example = "Hello!")]
enum PromptBody {
    /// A text of at most 3,000 characters.
    Text(String),
    /// A part.
    Part(PartBody),
    /// Texts and parts.
    Parts(Vec<TextOrPart>),
}

/// A text, or a part with its own voice or language.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = TextOrPart, example = "Hello!")]
enum TextOrPart {
    /// A text of at most 3,000 characters.
    Text(String),
    /// A part.
    Part(PartBody),
}

/// A part of a prompt. It has exactly one of `text`, `ssml` and `spell`.
#[derive(ToSchema)]
#[schema(as = Part, example = json!({"spell": "493027", "repeat": 2}))]
struct PartBody {
    /// Text to speak.
    #[schema(
        required = false,
        nullable = false,
        min_length = 1,
        max_length = 3000,
        example = "Hola."
    )]
    text: Option<String>,
    /// Text with elements of SSML, without the `<speak>` around it. The voice must support the elements.
    #[schema(
        required = false,
        nullable = false,
        min_length = 1,
        max_length = 3000,
        example = "Your code is <say-as interpret-as=\"digits\">4711</say-as>."
    )]
    ssml: Option<String>,
    /// Digits and capital letters to say one by one.
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[0-9A-Z]{1,20}$",
        example = "493027"
    )]
    spell: Option<String>,
    /// Language of this part. Default: the call's.
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[A-Za-z0-9-]{1,64}$",
        example = "es-MX"
    )]
    language: Option<String>,
    /// Voice of this part. Default: the call's, or one that speaks the language.
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[A-Za-z0-9._-]{1,64}$",
        example = "Polly.Mia"
    )]
    voice: Option<String>,
    /// Number of times to say it. Default: 1.
    #[schema(
        required = false,
        nullable = false,
        minimum = 1,
        maximum = 3,
        example = 2
    )]
    repeat: Option<u32>,
}

fn options() -> Object {
    let digit = Object::builder()
        .schema_type(Type::String)
        .pattern(Some("^[0-9]$"));
    Object::builder()
        .schema_type(Type::Object)
        .additional_properties(Some(Ref::from_schema_name("Then")))
        .property_names(Some(digit))
        .description(Some(
            "Options of an `ask`, by key: `0` to `9`. An `ask` has either `options` or `max_digits`.",
        ))
        .examples([json!({"1": {"outcome": "confirmed"}, "2": {"outcome": "canceled"}})])
        .build()
}
