//! The Lambda function `voice`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("voice", |settings| async move {
        Ok(voice::router(voice::App::from_settings(&settings)?))
    })
    .await
}
