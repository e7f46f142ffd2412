//! The Lambda function for health, the API document, and unknown paths.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("health", |settings| async move {
        Ok(health::router(health::App::from_settings(&settings)?))
    })
    .await
}
