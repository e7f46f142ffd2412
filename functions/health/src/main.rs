//! Health, the API document, and whatever no other function owns, as a Lambda function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("health", |settings| async move {
        Ok(health::router(health::App::from_settings(&settings)?))
    })
    .await
}
