//! The Lambda function `dial`, which receives the dial queue.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_events(
        "dial",
        |settings| async move { dial::App::from_settings(&settings) },
        |app, event, _| async move { Ok(dial::dial(&app, event).await) },
    )
    .await
}
