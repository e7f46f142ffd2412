//! Applies what follows a change of a call, such as its next attempt. Erases the words of sensitive calls.

mod app;
mod call;
mod messages;
mod sweep;
mod trigger;
mod words;

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use outdial::dao::DaoError;
use tokio::time::Instant;

pub use app::App;
pub use trigger::Trigger;

/// The last part of a run's time, in which it starts no calls: the last one takes a few database operations.
pub const WIND_DOWN: Duration = Duration::from_secs(20);

/// Applies the effects of the calls of a batch, or of those that the sweep finds, for at most `time`. Returns the messages that
/// failed, which stay in the queue.
///
/// Each effect is applied so that applying it again changes nothing, and only then removed from its call. So a run may end
/// anywhere, and two runs may overlap.
///
/// # Errors
///
/// If the database is unavailable during a sweep. The next sweep finds the same calls.
pub async fn effects(
    app: &App,
    trigger: Trigger,
    time: Duration,
) -> Result<SqsBatchResponse, DaoError> {
    let until = Instant::now() + time.saturating_sub(WIND_DOWN);
    match trigger {
        Trigger::Messages(event) => Ok(messages::apply(app, event, until).await),
        Trigger::Sweep => {
            sweep::sweep(app, until).await?;
            words::erase(app, until).await?;
            Ok(SqsBatchResponse::default())
        }
    }
}
