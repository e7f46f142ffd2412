//! Calls, recordings and blocked numbers, as a Lambda function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("outbound-calls", |settings| async move {
        let app = outbound_calls::App::from_settings(&settings)?;
        Ok(outbound_calls::router(app))
    })
    .await
}
