//! A Lambda function that returns a constant: the least that a function can do. `bench` compares the functions with it.

use std::convert::Infallible;

use lambda_http::{Error, Request, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(respond)).await
}

async fn respond(_: Request) -> Result<&'static str, Infallible> {
    Ok(r#"{"status":"ok"}"#)
}
