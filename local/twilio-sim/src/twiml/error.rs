//! Why TwiML can't be executed.

/// An error in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwimlError {
    /// Twilio's error code.
    pub code: u32,
    /// The problem and its place.
    pub message: String,
}

impl TwimlError {
    /// 12100: not a well-formed document with a `<Response>` as its root.
    pub(super) fn malformed(problem: impl std::fmt::Display) -> Self {
        Self::new(12100, problem)
    }

    /// 12200: not valid TwiML.
    pub(super) fn invalid(problem: impl std::fmt::Display) -> Self {
        Self::new(12200, problem)
    }

    /// Any other error code.
    pub(super) fn new(code: u32, problem: impl std::fmt::Display) -> Self {
        Self {
            code,
            message: problem.to_string(),
        }
    }
}
