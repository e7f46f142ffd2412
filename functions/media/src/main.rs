//! The Lambda function that streams the audio of recordings.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_streaming("media", |settings| async move {
        Ok(media::router(media::App::from_settings(&settings)?))
    })
    .await
}
