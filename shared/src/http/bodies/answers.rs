//! Response bodies of answers: the keys that people pressed.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Answer, rfc3339};

/// The keys that a person pressed at an `ask`.
#[derive(Serialize, ToSchema)]
#[schema(as = Answer)]
pub struct AnswerBody {
    /// The `id` of the step.
    #[schema(example = "confirm")]
    pub step: String,
    /// Number of the try, from 1.
    #[schema(example = 1)]
    pub r#try: u32,
    /// The keys.
    #[schema(example = "1")]
    pub digits: String,
    /// The option that they choose. Null: a wrong key, or a step without options.
    #[schema(example = "1")]
    pub option: Option<String>,
    /// Time of the key, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:21.000Z")]
    pub at: String,
}

impl From<&Answer> for AnswerBody {
    fn from(answer: &Answer) -> Self {
        Self {
            step: answer.step.to_string(),
            r#try: answer.nth,
            digits: answer.digits.clone(),
            option: answer.option.clone(),
            at: rfc3339(answer.at),
        }
    }
}
