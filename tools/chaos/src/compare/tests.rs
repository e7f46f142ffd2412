//! Tests of the comparison: it finds each kind of damage to healthy evidence as its kind of violation.

mod answers;
mod calls;
mod delivery;
mod fixtures;
mod machines;
mod opt_outs;
mod queue;
mod recordings;
mod results;
mod silence;
mod transfers;
mod webhooks;
