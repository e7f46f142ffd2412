//! The audio of recordings, as a Lambda function that streams its answer.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run_streaming("media", |settings| async move {
        Ok(media::router(media::App::from_settings(&settings)?))
    })
    .await
}
