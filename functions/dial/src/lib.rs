//! Dials the calls of the dial queue: each message is one call under a lease.

mod app;
mod message;
mod outcome;
mod rules;
mod steps;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
use outdial::dao::DaoError;
use tracing::{Instrument, field};

pub use app::App;
use message::DialMessage;

/// Why a message stays in the queue.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the message does not name a call and a lease")]
    Message,
    #[error(transparent)]
    Database(#[from] DaoError),
}

/// Dials the calls of a batch concurrently. Returns the messages that failed, which stay in the queue.
///
/// A message that comes again dials nothing: its call has left the lease, or the dial has begun.
pub async fn dial(app: &App, event: SqsEvent) -> SqsBatchResponse {
    let handled = join_all(event.records.iter().map(|message| {
        let span = tracing::error_span!(
            "message",
            message_id = message.message_id,
            call_id = field::Empty,
            to = field::Empty,
        );
        handle(app, message).instrument(span)
    }));
    let mut response = SqsBatchResponse::default();
    for (message, handled) in event.records.iter().zip(handled.await) {
        if handled.is_err() {
            response.add_failure(message.message_id.clone().unwrap_or_default());
        }
    }
    response
}

async fn handle(app: &App, message: &SqsMessage) -> Result<(), Failure> {
    let handled = match message
        .body
        .as_deref()
        .map(serde_json::from_str::<DialMessage>)
    {
        Some(Ok(message)) => steps::dial(app, &message).await.map_err(Failure::from),
        Some(Err(_)) | None => Err(Failure::Message),
    };
    if let Err(failure) = &handled {
        tracing::error!(error = %failure, "queued call not dialled");
    }
    handled
}
