//! Expressions of aggregation pipelines that several updates share.

use mongodb::bson::{Bson, bson};

pub(super) fn if_else(
    condition: impl Into<Bson>,
    then: impl Into<Bson>,
    otherwise: impl Into<Bson>,
) -> Bson {
    let arms = [condition.into(), then.into(), otherwise.into()];
    bson!({ "$cond": arms.to_vec() })
}

/// A value from outside: without this the database would read a text that begins with `$` as an expression.
pub(super) fn literal(value: impl Into<Bson>) -> Bson {
    bson!({ "$literal": value.into() })
}

/// Whether Twilio's name of the call is not known yet. The earlier service may have left an empty text.
pub(super) fn sid_is_absent() -> Bson {
    bson!({ "$eq": [{ "$ifNull": ["$twilio_sid", ""] }, ""] })
}
