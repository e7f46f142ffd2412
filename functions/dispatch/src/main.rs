//! The Lambda function `dispatch`, which runs on a schedule and when it is woken up.

use std::{process::ExitCode, time::SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_events(
        "dispatch",
        |settings| async move { dispatch::App::from_settings(&settings) },
        |app, trigger, context| async move {
            let left = context.deadline().duration_since(SystemTime::now());
            Ok(dispatch::dispatch(&app, trigger, left.unwrap_or_default()).await?)
        },
    )
    .await
}
