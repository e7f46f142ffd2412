//! Classification of the server's errors.

use mongodb::bson::{RawDocumentBuf, doc};

use super::{DaoError, DuplicateKey, duplicate_key::violated_fields};

fn of_code(code: i32, message: &str) -> DaoError {
    DaoError::of_code(code, "", message, &[])
}

#[test]
fn index_name_identifies_the_duplicate() {
    let of = |rest: &str| {
        DuplicateKey::of(
            &[],
            &format!(
                "E11000 duplicate key error collection: atlas.{rest} dup key: {{ a: \" index: call_id_unique dup key\" }}"
            ),
        )
    };
    assert_eq!(of("users index: email_lower_unique"), DuplicateKey::Email);
    assert_eq!(of("calls index: call_id_unique"), DuplicateKey::CallId);
    assert_eq!(of("calls index: twilio_sid_unique"), DuplicateKey::CallSid);
    assert_eq!(
        of("recordings index: twilio_sid_unique"),
        DuplicateKey::RecordingSid
    );
    assert_eq!(
        of("calls index: idempotency_scope_unique collation: { locale: \"en\" }"),
        DuplicateKey::IdempotencyScope
    );
    assert_eq!(of("users index: _id_"), DuplicateKey::Other("_id_".into()));
}

#[test]
fn key_pattern_takes_precedence_over_the_message() {
    for (field, message, key) in [
        (
            "email_lower",
            "23505: violates a constraint",
            DuplicateKey::Email,
        ),
        (
            "email",
            "index: call_id_unique dup key",
            DuplicateKey::Email,
        ),
        ("idempotency_scope", "", DuplicateKey::IdempotencyScope),
        ("call_id", "Duplicate key violation", DuplicateKey::CallId),
        (
            "twilio_sid",
            "Duplicate key violation",
            DuplicateKey::CallSid,
        ),
        (
            "twilio_sid",
            "E11000 duplicate key error collection: atlas.recordings index: x dup key: {}",
            DuplicateKey::RecordingSid,
        ),
        ("number", "", DuplicateKey::Other("number".into())),
    ] {
        let in_write_error = doc! { "ok": 1, "writeErrors": [
            { "index": 0, "code": 11_000, "errmsg": message, "keyPattern": { field: 1 }, "keyValue": { field: "ada" } },
        ] };
        let in_command =
            doc! { "ok": 0, "code": 11_000, "errmsg": message, "keyPattern": { field: 1 } };
        for reply in [in_write_error, in_command] {
            let reply = RawDocumentBuf::try_from(&reply).unwrap();
            let fields = violated_fields(&reply);
            assert_eq!(DuplicateKey::of(&fields, message), key, "{field} {message}");
        }
    }
}

#[test]
fn duplicate_is_recognized_in_messages_of_other_engines() {
    for (message, key) in [
        (
            "Duplicate key violation on the requested collection: Index 'email_lower_unique'",
            DuplicateKey::Email,
        ),
        (
            "E11000 duplicate key error collection: calls index: twilio_sid_unique",
            DuplicateKey::CallSid,
        ),
        (
            "E11000 duplicate key error collection: atlas.calls. Failed _id or unique index constraint.",
            DuplicateKey::Other(String::new()),
        ),
        ("", DuplicateKey::Other(String::new())),
    ] {
        for code in [11_000, 11_001, 12_582] {
            let error = of_code(code, message);
            assert!(
                matches!(&error, DaoError::Duplicate(found) if *found == key),
                "{message}: {error}"
            );
        }
    }
}

#[test]
fn error_shows_no_value() {
    let error = of_code(
        11_000,
        "E11000 duplicate key error collection: a.users index: email_lower_unique dup key: { email_lower: \"ada@example.com\" }",
    );
    assert!(!format!("{error} {error:?}").contains("ada"));
    let error = of_code(
        8_000,
        "user is not allowed to do action [find] on [ada.users]",
    );
    assert!(!format!("{error} {error:?}").contains("ada"));
}

#[test]
fn error_codes_are_classified() {
    let [transient, login, defect] = ["transient", "login", "defect"];
    for (class, codes) in [
        (
            transient,
            &[
                6, 7, 24, 43, 50, 64, 89, 91, 100, 112, 133, 134, 146, 175, 189, 202, 246, 251,
                262, 290, 365, 462, 9_001, 10_058, 10_107, 11_600, 11_601, 11_602, 13_388, 13_435,
                13_436, 14_031, 16_500,
            ][..],
        ),
        (login, &[13, 18]),
        (
            defect,
            &[1, 2, 9, 14, 26, 59, 66, 72, 121, 292, 10_334, 40_415],
        ),
    ] {
        for &code in codes {
            let found = match of_code(code, "") {
                DaoError::Unavailable(_) => transient,
                DaoError::LoginRefused(_) => login,
                DaoError::Internal(_) => defect,
                DaoError::Duplicate(_) => "duplicate",
            };
            assert_eq!(found, class, "{code}");
        }
    }
}

#[test]
fn atlas_error_is_classified_by_its_message() {
    let of = |message| DaoError::of_code(8_000, "AtlasError", message, &[]);
    for message in [
        "bad auth : authentication failed",
        "bad auth : Authentication failed.",
        "bad auth Authentication failed.",
        "user is not allowed to do action [find] on [test.users]",
        "not authorized on admin to execute command { create: \"x\" }",
    ] {
        let error = of(message);
        assert!(
            matches!(error, DaoError::LoginRefused(_)),
            "{message}: {error}"
        );
    }
    let full = of("you are over your space quota, using 512 MB of 512 MB");
    assert!(matches!(full, DaoError::Unavailable(_)), "{full}");
    assert_eq!(
        full.to_string(),
        "the database is unavailable: code 8000 AtlasError: over the cluster's space quota"
    );
    for message in [
        "",
        "error connecting to the cluster",
        "connection limit reached",
    ] {
        let error = of(message);
        assert!(
            matches!(error, DaoError::Unavailable(_)),
            "{message}: {error}"
        );
    }
    let error = of("$where is not allowed or the syntax is incorrect, see the Atlas documentation");
    assert!(matches!(error, DaoError::Internal(_)), "{error}");
}
