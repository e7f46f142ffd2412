//! The Lambda function for the console.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("console", |settings| async move {
        Ok(console::router(&settings)?)
    })
    .await
}
