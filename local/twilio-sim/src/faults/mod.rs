//! The fault plan: what goes wrong on purpose, reproducibly.
//!
//! A rule applies to what it names, always or with a probability. Whether it strikes is computed from the seed, the
//! rule's place in the plan and what it is about (the how-manieth call and callback, the how-manieth request), so the
//! same plan and the same calls meet the same faults, whatever runs beside them.

mod plan;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use plan::{
    CallbackAction, CallbackKind, CallbackRule, FaultPlan, RestAction, RestOperation, RestRule,
    When,
};

/// The plan in force, and how often its rules have been looked at.
#[derive(Debug)]
pub struct Faults {
    default_seed: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    rest_seen: Vec<u64>,
}

/// Which webhook a fault may strike.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its kind.
    pub kind: CallbackKind,
    /// The status that it tells.
    pub event: &'a str,
    /// The call's number.
    pub to: &'a str,
    /// The how-manieth call it is of.
    pub call: u64,
    /// The how-manieth webhook of that call it is.
    pub ordinal: u64,
}

impl Faults {
    /// Puts a plan into force.
    #[must_use]
    pub fn new(plan: FaultPlan, default_seed: u64) -> Self {
        let faults = Self {
            default_seed,
            state: Mutex::default(),
        };
        faults.replace(plan);
        faults
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> FaultPlan {
        self.lock().plan.clone()
    }

    /// Puts another plan into force and counts requests from 1 again.
    pub fn replace(&self, plan: FaultPlan) {
        let rest_seen = vec![0; plan.rest.len()];
        *self.lock() = State { plan, rest_seen };
    }

    /// What happens to this webhook: the first rule that strikes, with its delay.
    #[must_use]
    pub fn on_callback(&self, about: About<'_>) -> Option<(CallbackAction, Duration)> {
        let state = self.lock();
        let seed = state.plan.seed.unwrap_or(self.default_seed);
        let rules = state.plan.callbacks.iter().enumerate();
        let (_, rule) = rules.into_iter().find(|(place, rule)| {
            rule.kind.is_none_or(|kind| kind == about.kind)
                && rule
                    .event
                    .as_deref()
                    .is_none_or(|event| event == about.event)
                && rule.to.as_deref().is_none_or(|to| to == about.to)
                && (rule.calls.is_empty() || rule.calls.contains(&about.call))
                && strikes(
                    rule.probability,
                    [seed, *place as u64, about.call, about.ordinal],
                )
        })?;
        Some((rule.action, rule.delay()))
    }

    /// What happens to this REST request, whose form names `to`. Counts the request for every rule that it matches.
    #[must_use]
    pub fn on_request(&self, operation: RestOperation, to: Option<&str>) -> Option<RestRule> {
        let mut guard = self.lock();
        let State { plan, rest_seen } = &mut *guard;
        let seed = plan.seed.unwrap_or(self.default_seed);
        let mut struck = None;
        for (place, (rule, seen)) in plan.rest.iter().zip(rest_seen).enumerate() {
            let matches = (rule.on == RestOperation::Any || rule.on == operation)
                && (rule.to.is_none() || rule.to.as_deref() == to);
            if !matches {
                continue;
            }
            *seen += 1;
            let named = rule.requests.is_empty() || rule.requests.contains(seen);
            if struck.is_none()
                && named
                && strikes(rule.probability, [seed, 1_000 + place as u64, *seen, 0])
            {
                struck = Some(rule.clone());
            }
        }
        struck
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A coin that falls the same way for the same `key`: the finaliser of `SplitMix64` over its parts.
fn strikes(probability: f64, key: [u64; 4]) -> bool {
    let mixed = key.into_iter().fold(0_u64, |state, part| {
        let mut z = state.wrapping_add(part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let coin = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
    coin < probability
}
