//! The Lambda function for batches of calls.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("batches", |settings| async move {
        Ok(batches::router(batches::App::from_settings(&settings)?))
    })
    .await
}
