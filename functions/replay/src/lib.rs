//! Applies webhooks from the queue: those that the database could not take when they arrived.

use std::time::{Duration, Instant, SystemTime};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use outdial::{
    config::Settings,
    dao::{Dao, DaoError},
    service::effects::EffectsQueue,
    telemetry::metrics::{self, Count},
    twilio::TwilioClient,
    webhook::{
        InvalidForm, QueuedWebhook, SignatureCheck, WebhookApplier, WebhookEvent, WebhookQueue,
        WebhookTopic,
    },
};
use tracing::{Instrument, Span, field};

mod backoff;

/// The function's state.
#[derive(Clone)]
pub struct App {
    applier: WebhookApplier,
    check: SignatureCheck,
    queue: Option<WebhookQueue>,
}

impl App {
    /// Reads the settings, and connects to the database in the background.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let queue = WebhookQueue::from_settings(settings)?;
        let twilio = TwilioClient::new(settings.reloadable(Settings::twilio)?)?;
        let dao = Dao::connect_in_background(settings, Settings::mongo)?;
        let effects = EffectsQueue::from_settings(settings)?;
        let applier = WebhookApplier::new(dao, Some(twilio)).announcing(effects);
        Ok(Self {
            applier,
            check: SignatureCheck::of_fallbacks(settings)?,
            queue,
        })
    }
}

/// The time in which [`replay`] starts messages. The last one takes 4 s for the database and 2 s for a hang-up; hiding the failed ones
/// takes 10 s. All that fits into the function's minute.
pub const BEGINNING: Duration = Duration::from_secs(40);

/// The time limit for hiding all failed messages of a batch.
const POSTPONING: Duration = Duration::from_secs(10);

/// Why a message stays in the queue.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the message is not a queued webhook")]
    Message,
    #[error("the form is malformed: {0}")]
    Form(#[from] InvalidForm),
    #[error(transparent)]
    Database(#[from] DaoError),
    #[error("not tried: the database is unavailable, or the time is used up")]
    NotTried,
}

/// Applies a batch. Returns the messages that failed: they stay in the queue, hidden for a time that grows with each attempt. Opt-outs
/// go into the queue as new messages instead, so that they are in force soon after the database is back.
///
/// Once the database is unavailable, the other messages are not tried, because each would wait for it. Nor are messages that could
/// not be started within `beginning`.
pub async fn replay(app: &App, event: SqsEvent, beginning: Duration) -> SqsBatchResponse {
    let started = Instant::now();
    let mut response = SqsBatchResponse::default();
    let mut is_unavailable = false;
    let mut failed = Vec::new();
    for message in event.records {
        let span = tracing::error_span!(
            "message",
            message_id = message.message_id,
            call_id = field::Empty,
            received_by = field::Empty,
        );
        let is_skipped = is_unavailable || started.elapsed() >= beginning;
        let handled = handle(app, &message, is_skipped).instrument(span).await;
        if let Err(failure) = handled {
            is_unavailable |= matches!(&failure, Failure::Database(error) if error.is_transient());
            response.add_failure(message.message_id.clone().unwrap_or_default());
            failed.push(message);
        }
    }
    if let Some(queue) = &app.queue {
        let mut sent_again = Vec::new();
        let putting = put_back(queue, &failed, &mut sent_again);
        if tokio::time::timeout(POSTPONING, putting).await.is_err() {
            tracing::warn!(error = "timeout", "failed messages not hidden");
        }
        let failures = &mut response.batch_item_failures;
        failures.retain(|failure| !sent_again.contains(&failure.item_identifier));
    }
    response
}

/// Applies one message, counts it and logs a failure.
async fn handle(app: &App, message: &SqsMessage, is_skipped: bool) -> Result<(), Failure> {
    let handled = apply(app, message, is_skipped).await;
    match &handled {
        Ok(()) => metrics::count(Count::ReplayedWebhook),
        Err(failure) => {
            metrics::count(Count::FailedReplay);
            tracing::error!(
                tries = tries(message),
                error = %failure,
                "queued webhook not applied"
            );
        }
    }
    handled
}

async fn apply(app: &App, message: &SqsMessage, is_skipped: bool) -> Result<(), Failure> {
    let webhook = webhook(message).ok_or(Failure::Message)?;
    let span = Span::current();
    span.record("call_id", webhook.call_id.map(field::display));
    span.record("received_by", &webhook.request_id);
    if is_skipped {
        return Err(Failure::NotTried);
    }
    if webhook.topic == WebhookTopic::Fallback && !app.check.is_genuine(&webhook).await {
        metrics::count(Count::BadSignature);
        tracing::warn!("fallback request not verified, ignored");
        return Ok(());
    }
    let event = event(&webhook)?;
    app.applier.apply(webhook.call_id, &event).await?;
    tracing::info!(
        call_sid = event.call_sid().map(field::display),
        "queued webhook applied"
    );
    Ok(())
}

fn webhook(message: &SqsMessage) -> Option<QueuedWebhook> {
    serde_json::from_str(message.body.as_deref()?).ok()
}

fn event(webhook: &QueuedWebhook) -> Result<WebhookEvent, InvalidForm> {
    let (form, at) = (webhook.form.as_bytes(), webhook.received_at());
    WebhookEvent::parse(webhook.topic, form, webhook.token.as_deref(), at)
}

/// Sends opt-outs to the queue again, and notes the ids of the received messages. Hides the others from the next polls. One that is
/// not hidden comes again after the queue's own visibility timeout.
async fn put_back(queue: &WebhookQueue, messages: &[SqsMessage], sent_again: &mut Vec<String>) {
    for message in messages {
        if let (Some(body), Some(id)) = (&message.body, &message.message_id)
            && is_recent_opt_out(message)
        {
            match queue.send_again(body, backoff::OPT_OUT_SECONDS).await {
                Ok(()) => {
                    tracing::warn!(message_id = id, "opt-out put back");
                    sent_again.push(id.clone());
                    continue;
                }
                Err(error) => tracing::warn!(%error, message_id = id, "opt-out not put back"),
            }
        }
        let Some(receipt_handle) = &message.receipt_handle else {
            continue;
        };
        let seconds = backoff::seconds(tries(message));
        if let Err(error) = queue.postpone(receipt_handle, seconds).await {
            tracing::warn!(%error, "failed message not hidden");
        }
    }
}

/// Returns true for an opt-out of the last 36 hours. An older one has 200 more tries, like any message.
fn is_recent_opt_out(message: &SqsMessage) -> bool {
    let Some(webhook) = webhook(message) else {
        return false;
    };
    let received_at = u64::try_from(webhook.received_at).unwrap_or_default();
    let received_at = SystemTime::UNIX_EPOCH + Duration::from_millis(received_at);
    // An error means that it came a moment ago, by another clock.
    let age = received_at.elapsed().unwrap_or_default();
    age < backoff::OPT_OUT_AGE && event(&webhook).is_ok_and(|event| event.is_opt_out())
}

/// Returns the number of times that the message was received, including this one.
fn tries(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}
