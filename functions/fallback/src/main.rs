//! The Lambda function `fallback`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("fallback", |settings| async move {
        Ok(fallback::router(fallback::App::from_settings(&settings)))
    })
    .await
}
