//! The Lambda function `status`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("status", |settings| async move {
        Ok(status::router(status::App::from_settings(&settings)?))
    })
    .await
}
