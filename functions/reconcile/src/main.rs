//! The schedule, as a Lambda function.

use std::process::ExitCode;

use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_events(
        "reconcile",
        |settings| async move { reconcile::App::from_settings(&settings) },
        |app, _: IgnoredAny, _| async move { Ok(reconcile::reconcile(&app).await?) },
    )
    .await
}
