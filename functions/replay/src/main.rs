//! The Lambda function `replay`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_events(
        "replay",
        |settings| async move { replay::App::from_settings(&settings) },
        |app, event, _| async move { Ok(replay::replay(&app, event, replay::BEGINNING).await) },
    )
    .await
}
