//! The list of the indexes, and of those of earlier versions that they replace.

use mongodb::bson::{Document, doc};

use super::{
    index::{Index, Kind, index},
    replaced::{Old, old},
};
use crate::dao::{
    BATCHES, BLOCKED_NUMBERS, CALLS, COUNTERS, RECORDINGS, ReconcileKind, TRANSCRIPTS, USERS,
    batches::{at_work, of_any_batch},
    dial_queue, effects, words,
};

const USERS_OF_NUMBER: Index = index(
    USERS,
    "phone_number_created_at",
    &[("phone_number", 1), ("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALL_SID: Index = index(
    CALLS,
    "twilio_sid_unique",
    &[("twilio_sid", 1)],
    Kind::UniqueTexts,
);
const CALLS_OF_USER: Index = index(
    CALLS,
    "user_id_created_at",
    &[("user_id", 1), ("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALLS_BY_AGE: Index = index(
    CALLS,
    "created_at_id",
    &[("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const CALLS_BY_STATUS: Index = index(
    CALLS,
    "status_created_at",
    &[("status", 1), ("created_at", -1), ("_id", -1)],
    Kind::Plain,
);
const OPEN_DIALS: Index = open_calls("open_dials", || ReconcileKind::Dial.filter());
const OPEN_ENDS: Index = open_calls("open_ends", || ReconcileKind::End.filter());
const OPEN_RECORDINGS: Index = open_calls("open_recordings", || ReconcileKind::Recording.filter());
const OPEN_TRANSCRIPTS: Index =
    open_calls("open_transcripts", || ReconcileKind::Transcript.filter());
const RECORDING_SID: Index = index(
    RECORDINGS,
    "twilio_sid_unique",
    &[("twilio_sid", 1)],
    Kind::Unique,
);
const RECORDINGS_OF_CALL: Index = index(
    RECORDINGS,
    "call_id_created_at",
    &[("call_id", 1), ("created_at", 1), ("_id", 1)],
    Kind::Plain,
);

const BATCH_PROGRESS: Index = index(
    CALLS,
    "batch_progress",
    &[
        ("batch_id", 1),
        ("status", 1),
        ("result", 1),
        ("attempt", 1),
        ("next_call_id", 1),
    ],
    Kind::Partial(of_any_batch),
);

/// Every index.
pub(super) const INDEXES: &[Index] = &[
    index(USERS, "email_1", &[("email", 1)], Kind::Unique),
    USERS_OF_NUMBER,
    index(
        USERS,
        "email_lower_unique",
        &[("email_lower", 1)],
        Kind::Unique,
    ),
    index(
        USERS,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    index(
        USERS,
        "created_at_id",
        &[("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(CALLS, "call_id_unique", &[("call_id", 1)], Kind::Unique),
    CALL_SID,
    index(
        CALLS,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    CALLS_OF_USER,
    index(
        CALLS,
        "user_id_status_created_at",
        &[
            ("user_id", 1),
            ("status", 1),
            ("created_at", -1),
            ("_id", -1),
        ],
        Kind::Plain,
    ),
    CALLS_BY_AGE,
    CALLS_BY_STATUS,
    index(
        CALLS,
        "result_created_at",
        &[("result", 1), ("created_at", -1), ("_id", -1)],
        Kind::Partial(effects::with_stored_result),
    ),
    index(
        CALLS,
        "user_id_result_created_at",
        &[
            ("user_id", 1),
            ("result", 1),
            ("created_at", -1),
            ("_id", -1),
        ],
        Kind::Partial(effects::with_stored_result),
    ),
    index(
        CALLS,
        "to_number_created_at",
        &[("to_number", 1), ("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(
        CALLS,
        "batch_id_created_at",
        &[("batch_id", 1), ("created_at", -1), ("_id", -1)],
        Kind::Partial(of_any_batch),
    ),
    index(
        CALLS,
        "waiting_by_lane",
        &[("lane", 1), ("due_at", 1), ("_id", 1)],
        Kind::Partial(dial_queue::waiting),
    ),
    index(
        CALLS,
        "waiting_by_end",
        &[("expires_at", 1), ("_id", 1)],
        Kind::Partial(dial_queue::waiting),
    ),
    index(
        CALLS,
        "waiting_by_lease",
        &[("lease_until", 1), ("_id", 1)],
        Kind::Partial(dial_queue::claimed),
    ),
    OPEN_DIALS,
    OPEN_ENDS,
    OPEN_RECORDINGS,
    OPEN_TRANSCRIPTS,
    index(
        CALLS,
        "open_effects",
        &[("effects_open", 1), ("_id", 1)],
        Kind::Partial(effects::pending),
    ),
    index(
        CALLS,
        "open_words",
        &[("words_open", 1), ("_id", 1)],
        Kind::Partial(words::ended),
    ),
    index(
        CALLS,
        "first_call_id_created_at",
        &[("first_call_id", 1), ("created_at", -1), ("_id", -1)],
        Kind::Partial(|| doc! { "first_call_id": { "$gt": "" } }),
    ),
    RECORDING_SID,
    RECORDINGS_OF_CALL,
    index(
        TRANSCRIPTS,
        "twilio_sid_unique",
        &[("twilio_sid", 1)],
        Kind::UniqueSparse,
    ),
    index(TRANSCRIPTS, "call_id", &[("call_id", 1)], Kind::Plain),
    index(
        COUNTERS,
        "expires_at_ttl",
        &[("expires_at", 1)],
        Kind::Expiring,
    ),
    index(
        BLOCKED_NUMBERS,
        "number_unique",
        &[("number", 1)],
        Kind::Unique,
    ),
    index(
        BLOCKED_NUMBERS,
        "created_at_id",
        &[("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(
        BATCHES,
        "user_id_status",
        &[("user_id", 1), ("status", 1)],
        Kind::Plain,
    ),
    index(
        BATCHES,
        "created_at_id",
        &[("created_at", -1), ("_id", -1)],
        Kind::Plain,
    ),
    index(
        BATCHES,
        "idempotency_scope_unique",
        &[("idempotency_scope", 1)],
        Kind::UniqueSparse,
    ),
    index(
        BATCHES,
        "open_batches",
        &[("status", 1), ("_id", 1)],
        Kind::Partial(at_work),
    ),
    BATCH_PROGRESS,
    index(
        CALLS,
        "batch_results",
        &[("batch_id", 1), ("attempt", 1), ("_id", 1)],
        Kind::Partial(of_any_batch),
    ),
];

/// The index of open calls of one kind, in the order of [`Dao::list_open_calls`](crate::dao::Dao::list_open_calls).
///
/// The change that closes a call removes it from the index.
const fn open_calls(name: &'static str, filter: fn() -> Document) -> Index {
    let keys = &[("updated_at", 1), ("_id", 1)];
    index(CALLS, name, keys, Kind::Partial(filter))
}

/// The indexes of earlier versions, and those that replace them.
pub(super) const REPLACED: &[(Old, &Index)] = &[
    (old(USERS, &[("phone_number", 1)]), &USERS_OF_NUMBER),
    (old(CALLS, &[("user_id", 1)]), &CALLS_OF_USER),
    (old(CALLS, &[("twilio_sid", 1)]), &CALL_SID),
    (old(CALLS, &[("created_at", 1)]), &CALLS_BY_AGE),
    (old(CALLS, &[("status", 1)]), &CALLS_BY_STATUS),
    (
        old(
            CALLS,
            &[
                ("batch_id", 1),
                ("status", 1),
                ("outcome", 1),
                ("attempt", 1),
                ("next_call_id", 1),
            ],
        ),
        &BATCH_PROGRESS,
    ),
    (old(CALLS, &[("status", 1), ("updated_at", 1)]), &OPEN_ENDS),
    (
        old(CALLS, &[("recording_settled", 1), ("updated_at", 1)]),
        &OPEN_RECORDINGS,
    ),
    (old(RECORDINGS, &[("call_id", 1)]), &RECORDINGS_OF_CALL),
    (old(RECORDINGS, &[("twilio_sid", 1)]), &RECORDING_SID),
];
