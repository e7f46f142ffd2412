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

fn ids(lanes: &[BulkLane]) -> Vec<BatchId> {
    lanes.iter().filter_map(|lane| lane.batch()).collect()
}

#[test]
fn look_reads_at_most_twenty_batches_and_later_looks_the_others() {
    let running = batches(60, None);
    let mut turns = turns(&running);
    let mut seen = HashSet::new();
    for look in 1..=3 {
        assert!(turns.has_unread());
        let read = turns.next_lanes(DateTime::now());
        assert_eq!((read.len(), read[0]), (1 + BATCHES_MAX, BulkLane::NoBatch));
        seen.extend(ids(&read));
        for lane in read {
            turns.note_read(lane, look, &LaneHead::default());
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
        for lane in &read {
            turns.note_read(*lane, look, &due());
        }
        // Five calls a look, to those that were served the longest ago.
        let mut bulk = read[1..].to_vec();
        bulk.sort_by_key(|lane| turns.get(*lane).unwrap().served());
        for lane in &bulk[..5] {
            turns.note_claimed(*lane, look, 1);
            let id = lane.batch().unwrap();
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
        for lane in turns.next_lanes(DateTime::now()) {
            let is_busy = lane == BulkLane::Batch(busy);
            let head = if is_busy { due() } else { LaneHead::default() };
            turns.note_read(lane, look, &head);
            reads += u32::from(is_busy);
        }
    }
    assert!(reads >= 11, "{reads} of 13");
}

#[test]
fn batch_that_has_used_up_its_own_pace_takes_no_place() {
    let running = batches(1, Some(0.1));
    let mut turns = turns(&running);
    let lane = BulkLane::Batch(running[0].id);
    turns.note_read(lane, 1, &due());
    let none = BulkLane::NoBatch;
    assert_eq!(turns.next_lanes(DateTime::now()), [none, lane]);
    turns.note_claimed(lane, 1, 1);
    assert_eq!(turns.next_lanes(DateTime::now()), [none]);
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
    let [empty, waiting] = [running[0].id, running[1].id];
    turns.note_read(BulkLane::Batch(empty), 1, &LaneHead::default());
    turns.note_read(BulkLane::Batch(waiting), 1, &later);
    let empty = [empty];
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
    let [first, second] = [first, second].map(|mut turns| ids(&turns.next_lanes(DateTime::now())));
    assert_eq!((first.len(), second.len()), (BATCHES_MAX, BATCHES_MAX));
    assert!(first.iter().all(|id| !second.contains(id)));
}

#[test]
fn batch_that_runs_no_longer_is_forgotten_and_the_others_keep_what_is_known() {
    let running = batches(3, None);
    let mut turns = turns(&running);
    let [paused, busy, _] = [0, 1, 2].map(|at| BulkLane::Batch(running[at].id));
    for lane in [paused, busy] {
        turns.note_read(lane, 1, &due());
        turns.note_claimed(lane, 1, 1);
    }
    turns.set_running(running[1..].to_vec());
    assert!(turns.get(paused).is_none());
    assert_eq!(turns.get(busy).unwrap().served(), 1);
    // Notes of an earlier look about the paused batch change nothing.
    turns.note_read(paused, 2, &due());
    turns.note_claimed(paused, 2, 1);
    assert_eq!(turns.next_lanes(DateTime::now()).len(), 3);
}
