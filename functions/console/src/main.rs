//! The console, as a Lambda function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("console", |settings| async move {
        Ok(console::router(&settings)?)
    })
    .await
}
