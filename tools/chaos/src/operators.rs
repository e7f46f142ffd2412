//! Actions during a run: operators block numbers and switch dialling off, clients pause and cancel batches, and Twilio refuses
//! connections and the account for some seconds.

use std::collections::BTreeMap;
use std::time::Duration;

use mongodb::bson::{DateTime, doc};
use reqwest::Method;
use serde_json::{Value, json};
use stack::Result;
use stack::steps::Steps;
use tokio::time::sleep;

use crate::clients::Clients;
use crate::evidence::BatchHistory;
use crate::moment::{Moment, Span, millis, now};
use crate::plan::{BatchOrder, Person, Plan, QueuePlan};
use crate::simulator::Simulator;
use crate::twilio_faults;

/// The interval of trying again after a failure of the database.
const PAUSE: Duration = Duration::from_millis(200);
/// Time after a failure during which dials may still be late because of it: a call that Twilio did not take waits for ten seconds.
const AFTERMATH: Duration = Duration::from_secs(15);

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    /// The blocked numbers, and when that was answered.
    pub blocked: BTreeMap<String, Moment>,
    /// When dialling was switched off.
    pub switched_off: Vec<Span>,
    /// The batches.
    pub batches: Vec<BatchHistory>,
    /// When Twilio or the switch kept calls from being dialled, and the time after that.
    pub disturbed: Vec<Span>,
}

/// Does all that the plan says, each at its time.
///
/// # Errors
///
/// If the simulator fails.
pub async fn operate(
    simulator: &Simulator,
    database: &mongodb::Database,
    clients: &Clients,
    plan: &Plan,
    steps: &Steps,
) -> Result<Operations> {
    let Some(queue) = &plan.queue else {
        return Ok(Operations::default());
    };
    let batches = queue.batches.iter().map(|batch| run_batch(clients, batch));
    let (blocked, off, disturbed, batches) = tokio::join!(
        block(clients, queue),
        switch_off(database, queue, steps),
        disturb_twilio(simulator, plan, queue, steps),
        futures_util::future::join_all(batches),
    );
    let mut disturbed = disturbed?;
    disturbed.push(with_aftermath(off));
    Ok(Operations {
        blocked,
        switched_off: vec![off],
        batches,
        disturbed,
    })
}

/// The span, and the time in which dials may still be late because of it.
pub fn with_aftermath(span: Span) -> Span {
    Span {
        until: span.until + millis(AFTERMATH),
        ..span
    }
}

async fn block(clients: &Clients, queue: &QueuePlan) -> BTreeMap<String, Moment> {
    sleep(queue.blocked_after).await;
    let mut blocked = BTreeMap::new();
    for number in &queue.blocked_numbers {
        let body = json!({ "phone_number": number, "reason": "opted_out" });
        let response = clients
            .insist(Method::POST, "/blocked-numbers", &body)
            .await;
        if response.is_some_and(|(status, _)| status.is_success()) {
            blocked.insert(number.clone(), now());
        }
    }
    blocked
}

/// Switches dialling off and on, as `outdial dialing` does. Returns when it was off for certain.
async fn switch_off(database: &mongodb::Database, queue: &QueuePlan, steps: &Steps) -> Span {
    let (after, length) = queue.switched_off;
    sleep(after).await;
    let set = async |on: bool| {
        let switch = doc! { "on": on, "since": DateTime::now(), "reason": "chaos", "by": "chaos" };
        let counters = database.collection::<mongodb::bson::Document>("counters");
        while counters
            .replace_one(doc! { "_id": "dialing" }, &switch)
            .upsert(true)
            .await
            .is_err()
        {
            sleep(PAUSE).await;
        }
    };
    set(false).await;
    let from = now();
    steps.note("dialling is off");
    sleep(length).await;
    let until = now();
    set(true).await;
    steps.note("dialling is on");
    Span { from, until }
}

/// Lets Twilio refuse connections, then the account.
async fn disturb_twilio(
    simulator: &Simulator,
    plan: &Plan,
    queue: &QueuePlan,
    steps: &Steps,
) -> Result<Vec<Span>> {
    let usual = twilio_faults::plan(plan);
    let mut spans = Vec::new();
    let (after, length) = queue.refusing_connections;
    sleep(after).await;
    steps.note("Twilio refuses connections");
    let from = now();
    let mut refusing = usual.clone();
    refusing["refuse_connections_ms"] = json!(millis(length));
    simulator.set_faults(&refusing).await?;
    sleep(length).await;
    spans.push(with_aftermath(Span { from, until: now() }));

    let (later, length) = queue.refusing_account;
    sleep(later.saturating_sub(after + length)).await;
    steps.note("Twilio refuses the account");
    let from = now();
    simulator
        .set_faults(&twilio_faults::refusing_account(&usual))
        .await?;
    sleep(length).await;
    simulator.set_faults(&usual).await?;
    // Then a probe comes once a minute.
    let until = now() + millis(Duration::from_mins(1));
    spans.push(with_aftermath(Span { from, until }));
    Ok(spans)
}

/// Creates and starts a batch, then pauses and resumes it, or cancels it.
async fn run_batch(clients: &Clients, order: &BatchOrder) -> BatchHistory {
    let mut history = BatchHistory {
        attempts: order
            .retry
            .as_ref()
            .map_or(1, |retry| retry.max_attempts as usize),
        ..BatchHistory::default()
    };
    let mut body = json!({
        "name": order.key,
        "user_id": clients.user(Person::Open),
        "script": "Hello {{ name }}! Your order is ready.",
    });
    if let Some(retry) = &order.retry {
        body["retry"] = retry.to_json();
        if retry.after_voicemail {
            body["machine_detection"] = "Enable".into();
        }
    }
    if let Some(pace) = order.pace {
        body["calls_per_second"] = pace.into();
    }
    let Some((_, created)) = clients.insist_as(&order.key, "/batches", &body).await else {
        return history;
    };
    let Some(id) = created["batch_id"].as_str() else {
        return history;
    };
    history.batch_id = Some(id.to_owned());
    // Recipients come in two requests; the first one comes twice, which adds nothing.
    let (first, second) = order.recipients.split_at(order.recipients.len() / 2);
    for numbers in [first, second, first] {
        if add(clients, id, numbers).await && !history.recipients.contains(&numbers[0]) {
            history.recipients.extend_from_slice(numbers);
        }
    }
    let act = async |action: &str| {
        let path = format!("/batches/{id}/{action}");
        let response = clients.insist(Method::POST, &path, &json!({})).await;
        response.is_some_and(|(status, _)| status.is_success())
    };
    if !act("start").await {
        return history;
    }
    sleep(order.until_change).await;
    match order.paused_for {
        Some(length) => {
            if act("pause").await {
                let from = now();
                sleep(length).await;
                let until = now();
                act("resume").await;
                history.paused = Some(Span { from, until });
            }
        }
        None => {
            if act("cancel").await {
                history.canceled = Some(now());
            }
        }
    }
    history
}

/// Adds recipients, and returns whether the service has taken them.
async fn add(clients: &Clients, id: &str, numbers: &[String]) -> bool {
    let recipients: Vec<Value> = numbers
        .iter()
        .map(|number| json!({ "to_number": number, "variables": { "name": "Ada" } }))
        .collect();
    let path = format!("/batches/{id}/recipients");
    let body = json!({ "recipients": recipients });
    let response = clients.insist(Method::POST, &path, &body).await;
    response.is_some_and(|(status, _)| status.is_success())
}
