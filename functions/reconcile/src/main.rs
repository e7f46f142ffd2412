//! The Lambda function `reconcile`, which runs on a schedule.

use std::{process::ExitCode, time::SystemTime};

use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_events(
        "reconcile",
        |settings| async move { reconcile::App::from_settings(&settings) },
        |app, _: IgnoredAny, context| async move {
            let left = context.deadline().duration_since(SystemTime::now());
            Ok(reconcile::reconcile(&app, left.unwrap_or_default()).await?)
        },
    )
    .await
}
