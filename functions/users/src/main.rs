//! The Lambda function for users and their calls.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    outdial::boot::run("users", |settings| async move {
        Ok(users::router(users::App::from_settings(&settings)?))
    })
    .await
}
