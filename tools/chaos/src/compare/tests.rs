//! Tests of the comparison: it finds each kind of damage to healthy evidence as its kind of violation.

mod answers;
mod calls;
mod delivery;
mod fixtures;
mod queue;
mod recordings;
mod silence;
mod webhooks;
