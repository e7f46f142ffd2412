//! Tests whose turn it is.

use std::{collections::HashSet, time::Duration};

use outdial::{
    dao::DueCall,
    domain::{CallId, Pace},
};

use super::*;

fn batches(count: usize, pace: Option<f64>) -> Vec<RunningBatch> {
    let batch = |_| RunningBatch {
        id: BatchId::generate(),
        pace: pace.map(|pace| Pace::per_second(pace).unwrap()),
    };
    (0..count).map(batch).collect()
}

fn turns(running: &[RunningBatch]) -> Turns {
    let mut turns = Turns::new(7);
    turns.set_running(running.to_vec());
    turns
}

fn due() -> LaneHead {
    let id = CallId::generate();
    LaneHead {
        due: vec![DueCall {
            id: id.object_id(),
            call_id: id,
            due_at: DateTime::from_millis(1),
        }],
        next_due_at: None,
    }
}

fn ids(turns: &Turns, positions: &[usize]) -> Vec<BatchId> {
    let batches = positions.iter().filter_map(|at| turns.at(*at).batch);
    batches.map(|batch| batch.id).collect()
}

#[test]
fn positions_change_with_the_running_batches_only() {
    let running = batches(3, None);
    let mut turns = turns(&running);
    assert!(!turns.set_running(running.clone()));
    let mut reversed = running.clone();
    reversed.reverse();
    assert!(!turns.set_running(reversed));
    assert!(turns.set_running(running[1..].to_vec()));
    assert!(turns.set_running(running));
    assert!(turns.set_running(Vec::new()));
    assert!(!turns.set_running(Vec::new()));
}

#[test]
fn look_reads_at_most_twenty_batches_and_later_looks_the_others() {
    let running = batches(60, None);
    let mut turns = turns(&running);
    let mut seen = HashSet::new();
    for look in 1..=3 {
        assert!(turns.has_unread());
        let read = turns.next_lanes(DateTime::now());
        assert_eq!((read.len(), read[0]), (1 + BATCHES_MAX, 0));
        seen.extend(ids(&turns, &read));
        for position in read {
            turns.note_read(position, look, &LaneHead::default());
        }
    }
    assert_eq!((seen.len(), turns.has_unread()), (60, false));
}

#[test]
fn batches_with_due_calls_are_served_equally_often() {
    let running = batches(60, None);
    let mut turns = turns(&running);
    let mut served = HashMap::new();
    for look in 1..=24 {
        let read = turns.next_lanes(DateTime::now());
        for position in &read {
            turns.note_read(*position, look, &due());
        }
        // Five calls a look, to those that were served the longest ago.
        let mut bulk = read[1..].to_vec();
        bulk.sort_by_key(|at| turns.at(*at).served());
        for position in &bulk[..5] {
            turns.note_claimed(*position, look, 1);
            let id = turns.at(*position).batch.unwrap().id;
            *served.entry(id).or_insert(0) += 1;
        }
    }
    assert_eq!(served.len(), 60);
    assert!(served.values().all(|times| *times == 2), "{served:?}");
}

#[test]
fn batch_with_due_calls_is_read_at_each_look_while_others_have_none() {
    let running = batches(60, None);
    let mut turns = turns(&running);
    let busy = running[30].id;
    let mut reads = 0;
    for look in 1..=13 {
        for position in turns.next_lanes(DateTime::now()) {
            let is_busy = turns.at(position).batch.is_some_and(|it| it.id == busy);
            let head = if is_busy { due() } else { LaneHead::default() };
            turns.note_read(position, look, &head);
            reads += u32::from(is_busy);
        }
    }
    assert!(reads >= 11, "{reads} of 13");
}

#[test]
fn batch_that_has_used_up_its_own_pace_takes_no_place() {
    let running = batches(1, Some(0.1));
    let mut turns = turns(&running);
    turns.note_read(1, 1, &due());
    assert_eq!(turns.next_lanes(DateTime::now()), [0, 1]);
    turns.note_claimed(1, 1, 1);
    assert_eq!(turns.next_lanes(DateTime::now()), [0]);
    assert!(turns.is_any_due(DateTime::now()), "the run goes on");
}

#[test]
fn batches_are_checked_once_in_a_while_if_no_call_of_theirs_waits() {
    let running = batches(2, None);
    let mut turns = turns(&running);
    let later = LaneHead {
        next_due_at: Some(DateTime::MAX),
        ..LaneHead::default()
    };
    turns.note_read(1, 1, &LaneHead::default());
    turns.note_read(2, 1, &later);
    let empty = ids(&turns, &[1]);
    let ago = |time| Instant::now().checked_sub(time);
    assert_eq!(turns.unchecked(1, ago(Duration::from_secs(5))), empty);
    assert!(turns.unchecked(1, ago(Duration::from_secs(5))).is_empty());
    assert_eq!(turns.unchecked(1, Some(Instant::now())), empty);
    turns.remove(empty[0]);
    assert!(turns.unchecked(1, Some(Instant::now())).is_empty());
}

#[test]
fn runs_begin_with_different_batches() {
    let running = batches(60, None);
    let mut first = Turns::new(0);
    let mut second = Turns::new(u128::MAX);
    for turns in [&mut first, &mut second] {
        turns.set_running(running.clone());
    }
    assert_ne!(ids(&first, &[1]), ids(&second, &[1]));
    assert_eq!(ids(&first, &[1]), ids(&second, &[60]));
}
