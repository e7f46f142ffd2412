//! Calls and recordings, as a Lambda function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("outbound-calls", |settings| async move {
        Ok(outbound_calls::router(outbound_calls::App::from_settings(
            &settings,
        )?))
    })
    .await
}
