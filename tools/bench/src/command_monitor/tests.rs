//! Tests of reading the wire protocol, and of grouping commands in steps.

use std::time::Duration;

use mongodb::bson::doc;

use super::*;

fn exchange(name: &str, begun: Instant, from_ms: u64, to_ms: u64) -> Exchange {
    Exchange {
        command: doc! { name: "calls", "$db": "outdial", "lsid": {} },
        begun: begun + Duration::from_millis(from_ms),
        reply: Some((begun + Duration::from_millis(to_ms), Effect::default())),
    }
}

#[test]
fn overlapping_commands_are_one_step() {
    let begun = Instant::now();
    let exchanges = [
        exchange("update", begun, 9, 12),
        exchange("find", begun, 0, 5),
        exchange("insert", begun, 5, 8),
        exchange("aggregate", begun, 1, 3),
    ];
    let steps = in_steps(exchanges.into_iter());
    let names: Vec<Vec<_>> = steps
        .iter()
        .map(|step| step.iter().map(|one| one.command.to_string()).collect())
        .collect();
    let named = |name: &str| format!("{{ \"{name}\": \"calls\" }}");
    assert_eq!(
        names,
        [
            vec![named("find"), named("aggregate")],
            vec![named("insert")],
            vec![named("update")]
        ]
    );
}

#[test]
fn message_is_read_with_its_sequences() {
    let mut sections = vec![0; HEAD + 4];
    sections[OPCODE..HEAD].copy_from_slice(&OP_MSG.to_le_bytes());
    let documents = doc! { "_id": 1 }.to_vec().unwrap();
    let length = i32::try_from(4 + 10 + documents.len()).unwrap();
    sections.push(1);
    sections.extend(length.to_le_bytes());
    sections.extend(b"documents\0");
    sections.extend(&documents);
    sections.push(0);
    sections.extend(doc! { "insert": "calls" }.to_vec().unwrap());
    let read = body(&sections);
    assert_eq!(
        read,
        Some(doc! { "insert": "calls", "documents": [{ "_id": 1 }] })
    );
    assert!(body(&sections[..sections.len() - 3]).is_none());
}

#[test]
fn reply_contains_the_effect() {
    let reply = doc! { "n": 2, "nModified": 1_i64, "ok": 1.0 };
    let effect = Effect::of(&reply);
    assert_eq!((effect.matched, effect.changed), (Some(2), Some(1)));
    let reply = doc! { "cursor": { "firstBatch": [{}, {}] }, "ok": 1.0 };
    assert_eq!(Effect::of(&reply).found, Some(2));
}
