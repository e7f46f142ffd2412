//! Webhooks that the database could not take when they came, from the queue.

use std::time::{Duration, Instant};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use outdial::{
    config::Settings,
    dao::{Dao, DaoError},
    metrics::{self, Count},
    queue::{Webhook, WebhookQueue},
    twilio::{InvalidForm, TwilioClient},
    webhooks::{WebhookEvent, Webhooks},
};

use tracing::{Instrument, Span, field};

mod backoff;

/// What a batch needs.
#[derive(Clone)]
pub struct App {
    webhooks: Webhooks,
    queue: Option<WebhookQueue>,
}

impl App {
    /// Takes what the settings name, and connects to the database in the background.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let queue = WebhookQueue::from_settings(settings)?;
        let twilio = TwilioClient::new(settings.reloadable(Settings::twilio)?)?;
        let webhooks = Webhooks::new(
            Dao::connect_in_background(settings, Settings::mongo)?,
            Some(twilio),
        );
        Ok(Self { webhooks, queue })
    }
}

/// Why a message stays in the queue.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the message is not one of ours")]
    Message,
    #[error("the form is no callback: {0}")]
    Form(#[from] InvalidForm),
    #[error(transparent)]
    Database(#[from] DaoError),
    #[error("not tried, for the database was away just now, or the batch has taken long")]
    NotTried,
}

/// Applies a batch. What could not be applied is named, stays in the queue, and is hidden there for a time that grows
/// with each try.
///
/// Once the database is away the rest of the batch is not tried: each try would wait for it. Nor is what could not be
/// begun within `beginning`.
pub async fn replay(app: &App, event: SqsEvent, beginning: Duration) -> SqsBatchResponse {
    let begun = Instant::now();
    let mut response = SqsBatchResponse::default();
    let mut is_away = false;
    let mut failed = Vec::new();
    for message in event.records {
        let span = tracing::error_span!(
            "message",
            message_id = message.message_id,
            call_id = field::Empty,
            received_by = field::Empty,
        );
        let is_skipped = is_away || begun.elapsed() >= beginning;
        let handled = handle(app, &message, is_skipped).instrument(span).await;
        if let Err(failure) = handled {
            is_away |= matches!(&failure, Failure::Database(error) if error.is_passing());
            response.add_failure(message.message_id.clone().unwrap_or_default());
            failed.push(message);
        }
    }
    if let Some(queue) = &app.queue {
        let postponed = tokio::time::timeout(POSTPONING, postpone(queue, &failed)).await;
        if postponed.is_err() {
            tracing::warn!("some messages come again after the queue's own visibility time-out");
        }
    }
    response
}

/// How long messages of a batch are begun, [`replay`]'s `beginning`: the last one takes 4 s in the database and 2 s for
/// a hang-up, and hiding what failed 10 s: less than the function's minute in all.
pub const BEGINNING: Duration = Duration::from_secs(40);

/// For all of a batch's messages that failed.
const POSTPONING: Duration = Duration::from_secs(10);

/// Applies one message, counts it, and says so.
async fn handle(app: &App, message: &SqsMessage, is_away: bool) -> Result<(), Failure> {
    let handled = apply(app, message, is_away).await;
    match &handled {
        Ok(()) => metrics::count(Count::ReplayedWebhook),
        Err(failure) => {
            metrics::count(Count::FailedReplay);
            tracing::error!(
                tries = tries(message),
                error = %failure,
                "a webhook from the queue was not applied"
            );
        }
    }
    handled
}

async fn apply(app: &App, message: &SqsMessage, is_away: bool) -> Result<(), Failure> {
    let webhook: Webhook = message
        .body
        .as_deref()
        .and_then(|body| serde_json::from_str(body).ok())
        .ok_or(Failure::Message)?;
    let span = Span::current();
    span.record("call_id", webhook.call_id.map(field::display));
    span.record("received_by", &webhook.request_id);
    if is_away {
        return Err(Failure::NotTried);
    }
    let news = WebhookEvent::read(
        webhook.topic,
        webhook.form.as_bytes(),
        webhook.token.as_deref(),
        webhook.received_at(),
    )?;
    app.webhooks.apply(webhook.call_id, &news).await?;
    tracing::info!(
        call_sid = news.call_sid().map(field::display),
        "a webhook from the queue was applied"
    );
    Ok(())
}

async fn postpone(queue: &WebhookQueue, messages: &[SqsMessage]) {
    for message in messages {
        let Some(receipt_handle) = &message.receipt_handle else {
            continue;
        };
        let seconds = backoff::seconds(tries(message));
        if let Err(error) = queue.postpone(receipt_handle, seconds).await {
            tracing::warn!(%error, "a message comes again after the queue's own visibility time-out");
        }
    }
}

/// How often the message has been received, this time included.
fn tries(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}
