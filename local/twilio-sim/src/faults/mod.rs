//! Reproducible fault injection by a fault plan.
//!
//! A rule names the webhooks or requests that it applies to, and fires always or with a probability. The seed, the rule's
//! position in the plan and the ordinals of the call and callback, or of the request, decide whether it fires. The same plan
//! and the same calls therefore get the same faults, whatever else runs.

mod plan;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use plan::{
    CallbackAction, CallbackKind, CallbackRule, FaultPlan, RestAction, RestOperation, RestRule,
    When,
};

/// The current fault plan, with a count of matching requests for each rule.
#[derive(Debug)]
pub struct Faults {
    default_seed: u64,
    state: Mutex<State>,
    /// When the refusal of connections ends.
    outage: watch::Sender<Option<Instant>>,
}

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    rest_seen: Vec<u64>,
}

/// The webhook to check against the plan.
#[derive(Clone, Copy, Debug)]
pub struct CallbackContext<'a> {
    /// The kind of webhook.
    pub kind: CallbackKind,
    /// The status that it reports.
    pub event: &'a str,
    /// The called number.
    pub to: &'a str,
    /// The ordinal of the call, from 1.
    pub call: u64,
    /// The ordinal of the webhook within the call, from 1.
    pub ordinal: u64,
}

impl Faults {
    /// Starts with a plan. `default_seed` applies to plans without a seed.
    #[must_use]
    pub fn new(plan: FaultPlan, default_seed: u64) -> Self {
        let faults = Self {
            default_seed,
            state: Mutex::default(),
            outage: watch::Sender::default(),
        };
        faults.replace(plan);
        faults
    }

    /// Returns the current plan.
    #[must_use]
    pub fn plan(&self) -> FaultPlan {
        self.lock().plan.clone()
    }

    /// Replaces the plan and resets the request counts. Starts or ends the refusal of connections.
    pub fn replace(&self, plan: FaultPlan) {
        let outage = plan.refuse_connections_ms.map(Duration::from_millis);
        self.outage
            .send_replace(outage.map(|time| Instant::now() + time));
        let rest_seen = vec![0; plan.rest.len()];
        *self.lock() = State { plan, rest_seen };
    }

    /// Returns a channel with the time until which connections are refused.
    #[must_use]
    pub fn outage(&self) -> watch::Receiver<Option<Instant>> {
        self.outage.subscribe()
    }

    /// Returns true while connections are refused.
    #[must_use]
    pub fn refuses_connections(&self) -> bool {
        self.outage
            .borrow()
            .is_some_and(|until| Instant::now() < until)
    }

    /// Returns the action and the delay of the first rule that fires for this webhook.
    #[must_use]
    pub fn on_callback(&self, context: CallbackContext<'_>) -> Option<(CallbackAction, Duration)> {
        let state = self.lock();
        let seed = state.plan.seed.unwrap_or(self.default_seed);
        let rules = state.plan.callbacks.iter().enumerate();
        let (_, rule) = rules.into_iter().find(|(place, rule)| {
            rule.kind.is_none_or(|kind| kind == context.kind)
                && rule
                    .event
                    .as_deref()
                    .is_none_or(|event| event == context.event)
                && rule.to.as_deref().is_none_or(|to| to == context.to)
                && (rule.calls.is_empty() || rule.calls.contains(&context.call))
                && fires(
                    rule.probability,
                    [seed, *place as u64, context.call, context.ordinal],
                )
        })?;
        Some((rule.action, rule.delay()))
    }

    /// Returns the first rule that fires for this REST request, and counts the request for each matching rule.
    ///
    /// `to` is the form's `To`.
    #[must_use]
    pub fn on_request(&self, operation: RestOperation, to: Option<&str>) -> Option<RestRule> {
        let mut guard = self.lock();
        let State { plan, rest_seen } = &mut *guard;
        let seed = plan.seed.unwrap_or(self.default_seed);
        let mut fired = None;
        for (place, (rule, seen)) in plan.rest.iter().zip(rest_seen).enumerate() {
            let matches = (rule.on == RestOperation::Any || rule.on == operation)
                && (rule.to.is_none() || rule.to.as_deref() == to);
            if !matches {
                continue;
            }
            *seen += 1;
            let is_listed = rule.requests.is_empty() || rule.requests.contains(seen);
            if fired.is_none()
                && is_listed
                && fires(rule.probability, [seed, 1_000 + place as u64, *seen, 0])
            {
                fired = Some(rule.clone());
            }
        }
        fired
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true with this probability, and always the same result for the same `key`. Hashes with `SplitMix64`'s finaliser.
fn fires(probability: f64, key: [u64; 4]) -> bool {
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
