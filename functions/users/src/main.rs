//! Users and their calls, as a Lambda function.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("users", |settings| async move {
        Ok(users::router(users::App::from_settings(&settings)?))
    })
    .await
}
