//! A Lambda function that answers a constant: what the functions are measured against.

use std::convert::Infallible;

use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(_: Request) -> Result<&'static str, Infallible> {
    Ok(r#"{"status":"ok"}"#)
}
