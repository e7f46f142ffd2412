//! The Lambda function `effects`, which receives the effects queue and runs on a schedule.

use std::{process::ExitCode, time::SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_events(
        "effects",
        |settings| async move { effects::App::from_settings(&settings) },
        |app, trigger, context| async move {
            let left = context.deadline().duration_since(SystemTime::now());
            Ok(effects::effects(&app, trigger, left.unwrap_or_default()).await?)
        },
    )
    .await
}
