//! The sentences that the service speaks by itself in calls of a run, and the key that opts out.

/// `OPT_OUT_KEY`.
pub const OPT_OUT_KEY: &str = "9";

/// The key of an option that opts out.
pub const BLOCKING_KEY: &str = "8";

/// Who is calling: the first words of a call that listens.
pub const IDENTITY: &str = "This is the harbour office.";

/// `NOTICES`. Nobody waits in silence, also during an outage.
pub fn notices() -> String {
    let english = serde_json::json!({
        "callback": "To get no further calls, call {number}.",
        "identity": IDENTITY,
        "moment": "One moment, please.",
        "opt_out": format!("To get no further calls, press {OPT_OUT_KEY}."),
        "recording": "This call is recorded.",
    });
    serde_json::json!({ "en-US": english }).to_string()
}
