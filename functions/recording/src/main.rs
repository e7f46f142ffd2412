//! The Lambda function `recording`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("recording", |settings| async move {
        Ok(recording::router(recording::App::from_settings(&settings)?))
    })
    .await
}
