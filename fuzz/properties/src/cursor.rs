//! Property `cursor`: a list accepts its own cursors only.

use arbitrary::Arbitrary;
use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    dao::{CallFilter, Cursor, List},
    domain::{CallStatus, UserId},
};

use crate::structured;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    text: &'a str,
    created_at: i64,
    id: [u8; 12],
    user: [u8; 12],
    status: Option<usize>,
}

/// Parses any text as a cursor. A list refuses the text, or would itself write it. A list reads each cursor that it has
/// written, and no other list accepts it.
///
/// # Panics
///
/// If the property is violated.
pub fn cursor(bytes: &[u8]) {
    let Some(input) = structured::read::<Input>(bytes) else {
        return;
    };
    let user = UserId::from(ObjectId::from_bytes(input.user));
    let status = input
        .status
        .map(|index| CallStatus::ALL[index % CallStatus::ALL.len()]);
    let lists = [
        List::Users,
        List::UserCalls(user, status),
        List::UserCalls(UserId::from(ObjectId::from_bytes(input.id)), status),
        List::Calls(CallFilter {
            user: status.map(|_| user),
            status,
            to_number: input.text.parse().ok(),
            from: Some(DateTime::from_millis(input.created_at)),
            ..CallFilter::default()
        }),
    ];
    let raw = String::from_utf8_lossy(bytes);
    for list in &lists {
        for text in [input.text, &raw] {
            if let Ok(cursor) = Cursor::parse(text, list) {
                assert_eq!(cursor.write(list), text);
            }
        }
    }
    let cursor = Cursor::new(
        DateTime::from_millis(input.created_at),
        ObjectId::from_bytes(input.id),
    );
    for list in &lists {
        let text = cursor.write(list);
        assert_eq!(Cursor::parse(&text, list), Ok(cursor));
        let longer = format!("{text}{}", input.text);
        assert_eq!(Cursor::parse(&longer, list).is_ok(), input.text.is_empty());
        // Checksums of 32 bits collide once in four billion. Checking one input in 256 makes a collision improbable.
        if input.id[11] == 0 {
            for other in lists.iter().filter(|other| *other != list) {
                assert!(Cursor::parse(&text, other).is_err(), "{input:?}");
            }
        }
    }
}
