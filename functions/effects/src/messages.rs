//! Messages of the effects queue: calls that have just ended.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use outdial::service::effects::EffectsMessage;
use tokio::time::Instant;
use tracing::Instrument;

use crate::{App, call};

/// Applies the effects of the calls of a batch. Returns the messages that failed, which stay in the queue.
///
/// Once the database is unavailable, the other messages are not tried, because each would wait for it. Nor are messages that
/// could not be started in time.
pub(crate) async fn apply(app: &App, event: SqsEvent, until: Instant) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut is_unavailable = false;
    for message in event.records {
        let Some(EffectsMessage { call_id }) = parse(&message) else {
            tracing::error!(
                message_id = message.message_id,
                "effects message unreadable"
            );
            response.add_failure(message.message_id.unwrap_or_default());
            continue;
        };
        if is_unavailable || Instant::now() >= until {
            response.add_failure(message.message_id.unwrap_or_default());
            continue;
        }
        let span = tracing::error_span!("call", %call_id);
        if let Err(error) = call::apply(app, call_id).instrument(span).await {
            is_unavailable |= error.is_transient();
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    response
}

/// Returns the parsed message. `None` if it is malformed.
fn parse(message: &SqsMessage) -> Option<EffectsMessage> {
    serde_json::from_str(message.body.as_deref()?).ok()
}
