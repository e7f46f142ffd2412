//! `outdial doctor`: checks a stack. Every check has a time limit and leaves nothing behind.

mod clock;
mod database;
mod finding;
mod queue;
mod service;
mod twilio;
mod webhooks;

use std::fmt;

use clap::Args;
use outdial::config::RefreshPolicy;
use outdial::config::{ConfigError, Settings};
use outdial::dao::Dao;
use outdial::service::rules::Rules;
use outdial::twilio::TwilioClient;
use serde::Serialize;
use url::Url;

use crate::error::Result;
use crate::output::Format;
use crate::variables::{Values, Variables, value};
use crate::{http, target};
use finding::{Finding, failed, skipped};

#[derive(Args)]
#[command(after_help = "\
Each check is ok, failed with what to do about it, or skipped with the reason. The command exits
with 1 if a check failed.

To check the webhooks, the command sends them a form that names no call, once without and once with
a signature.

Examples:
  aws lambda get-function-configuration --function-name FUNCTION --query Environment.Variables > variables.json
  outdial doctor --variables variables.json --api-url https://abc123.execute-api.us-east-1.amazonaws.com
  outdial doctor --local
  outdial doctor --local --output json")]
pub struct Arguments {
    /// Origin of the API, the stack's output `ApiUrl`, if it is not `BASE_URL`
    #[arg(long, value_name = "URL")]
    api_url: Option<Url>,
    #[command(flatten)]
    variables: Variables,
}

/// All findings.
#[derive(Serialize)]
struct Report {
    checks: Vec<Finding>,
    /// The number of failed checks.
    failed: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.checks.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let values = arguments.variables.values()?;
    let api = arguments.api_url.as_ref().map(Url::as_str);
    let api = api.or_else(|| value(&values, "BASE_URL"));
    let settings = Settings::with_secret(values.clone(), RefreshPolicy::default()).await;
    let database = settings.clone().and_then(|settings| settings.mongo());
    target::announce(&database, &arguments.variables.origin(&values));
    let checks = match settings {
        Ok(settings) => {
            let secret = match value(&values, "SECRET_ID") {
                Some(_) => Ok("it can be read and is a JSON object of strings".to_owned()),
                None => Err(skipped("SECRET_ID is not set")),
            };
            let mut checks = vec![Finding::new("secret", secret)];
            checks.extend(Box::pin(all(&settings, &values, api)).await?);
            checks
        }
        Err(error) => vec![Finding::new(
            "secret",
            Err(failed(
                error.to_string(),
                "no other check is possible without it; check SECRET_ID, AWS_REGION, that the credentials allow secretsmanager:GetSecretValue, and the secret's content",
            )),
        )],
    };
    let failures = checks.iter().filter(|check| check.has_failed()).count();
    format.print(&Report {
        checks,
        failed: failures,
    })?;
    match failures {
        0 => Ok(()),
        count => Err(format!("checks that failed: {count}").into()),
    }
}

/// Runs all checks concurrently.
async fn all(settings: &Settings, values: &Values, api: Option<&str>) -> Result<Vec<Finding>> {
    let http = http::client()?;
    let variables = variables(settings);
    let (database, queue, twilio, webhooks, service, clocks) = tokio::join!(
        database::check(settings),
        queue::check(settings, values),
        twilio::check(settings, &http),
        webhooks::check(settings, &http),
        service::check(settings, &http, api),
        clock::check(settings, &http, api),
    );
    Ok([
        variables,
        database,
        vec![queue],
        twilio,
        webhooks,
        service,
        clocks,
    ]
    .concat())
}

/// Checks every variable as the functions do in their init phase.
fn variables(settings: &Settings) -> Vec<Finding> {
    let parsed: [Option<ConfigError>; 15] = [
        settings.mongo().err(),
        settings.twilio().err(),
        settings.calls().err(),
        settings.public_urls().err(),
        settings.media_signing_key().err(),
        settings.api_keys().err(),
        settings.speech().err(),
        settings.forward_to().err(),
        settings.webhook_queue().err(),
        settings.dial_queue().err(),
        settings.wake_queue().err(),
        settings.effects_queue().err(),
        settings.pace().err(),
        settings.reconcile().err(),
        settings.webhook_tokens().err(),
    ];
    let mut faults: Vec<String> = parsed
        .into_iter()
        .flatten()
        .map(|error| error.to_string())
        .collect();
    faults.dedup();
    if faults.is_empty()
        && let Err(error) = usable(settings)
    {
        faults.push(error.to_string());
    }
    if faults.is_empty() {
        return vec![Finding::new(
            "variables",
            Ok("all are well-formed".to_owned()),
        )];
    }
    let fault = |fault| {
        Finding::new(
            "variables",
            Err(failed(fault, "see the table of variables in README.md")),
        )
    };
    faults.into_iter().map(fault).collect()
}

/// Fails if the rules or the clients refuse the well-formed variables.
fn usable(settings: &Settings) -> Result<()> {
    Rules::new(&settings.calls()?)?;
    TwilioClient::new(&settings.twilio()?)?;
    Dao::new(&settings.mongo()?)?;
    Ok(())
}
