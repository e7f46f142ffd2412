//! Ids, and what the tests expect of errors.

use outdial::{
    domain::{CallSid, RecordingSid},
    twilio::TwilioError,
};

use crate::server::CALL;

pub const RECORDING: &str = "REfedcba9876543210fedcba9876543210";

pub fn call_sid() -> CallSid {
    CALL.parse().unwrap()
}

pub fn recording_sid() -> RecordingSid {
    RECORDING.parse().unwrap()
}

pub fn code(error: &TwilioError) -> Option<i32> {
    match error {
        TwilioError::Refused(refusal) => refusal.code,
        TwilioError::Unavailable(_) | TwilioError::Unusable(_) => None,
    }
}

pub fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, TwilioError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, TwilioError::Unavailable(_)), "{error:?}");
    for secret in ["primary", CALL, RECORDING, "127.0.0.1"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}
