//! The functions, behind the gateway.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::Plan;
use super::environment::Environment;
use crate::Result;
use crate::http;
use crate::lambda::{Gateway, Host, Options};
use crate::output::Output;

/// How many environments each function may have.
const ENVIRONMENTS: usize = 10;

/// How long the functions may take until all of them have answered.
const START_TIME: Duration = Duration::from_mins(1);

/// A path of each function that the gateway reaches.
const PATHS: [&str; 8] = [
    "/health",
    "/users",
    "/calls/x",
    "/media",
    "/console",
    "/twilio/voice",
    "/twilio/status",
    "/twilio/recording",
];

/// Starts every function, and waits until all of them answer.
pub async fn start(plan: &Plan<'_>, gateway: Gateway, environment: Environment) -> Result<Host> {
    let url = gateway.url().to_owned();
    let options = Options {
        workspace: plan.workspace,
        output: plan.output.clone(),
        environments: ENVIRONMENTS,
        kills: None,
    };
    let host = gateway.serve(environment, options);
    let client = http::client()?;
    try_join_all(PATHS.map(|path| answers(&client, &url, path, &plan.output))).await?;
    Ok(host)
}

/// Any answer of a function's own will do, a refusal too: it shows that the function is up.
async fn answers(client: &reqwest::Client, url: &str, path: &str, output: &Output) -> Result<()> {
    let deadline = Instant::now() + START_TIME;
    loop {
        let error = match client
            .get(format!("{url}{path}"))
            .timeout(START_TIME / 4)
            .send()
            .await
        {
            Ok(answer) if path != "/health" && answer.status().as_u16() < 500 => return Ok(()),
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!(
                "{}: {}",
                answer.status(),
                answer.text().await.unwrap_or_default()
            ),
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(
                format!("GET {path} does not work: {error}{}", output.last_lines(15)).into(),
            );
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
