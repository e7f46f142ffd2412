//! `cargo xtask doctor`: is a stack well? Every check has a time-out, and none leaves anything behind.

mod clock;
mod database;
mod finding;
mod service;
mod twilio;
mod webhooks;

use clap::Args;
use outdial::config::{ConfigError, Settings, trimmed};
use outdial::secret::RefreshPolicy;
use secrecy::ExposeSecret;
use url::Url;

use crate::Result;
use crate::http;
use crate::target;
use crate::variables::Variables;
use finding::{Finding, Verdict, failed, skipped};

#[derive(Args)]
#[command(after_help = "\
Each line is ok, failed with what to do about it, or skipped with the reason. It ends with 1 where something has failed. Webhooks are
asked with forms that name no call: one that nobody has signed, and one that is signed.

Examples:
  aws lambda get-function-configuration --function-name FUNCTION --query Environment.Variables > variables.json
  cargo xtask doctor --variables variables.json --api-url https://abc123.execute-api.us-east-1.amazonaws.com
  cargo xtask doctor --local")]
pub struct Arguments {
    /// The API's origin, where it is not `BASE_URL`: the stack's output `ApiUrl`
    #[arg(long, value_name = "URL")]
    api_url: Option<Url>,
    #[command(flatten)]
    variables: Variables,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let values = arguments.variables.values()?;
    let value = |name: &str| {
        let value = values.get(name).map(|value| trimmed(value.expose_secret()));
        value.filter(|value| !value.is_empty())
    };
    let api = arguments.api_url.as_ref().map(Url::as_str);
    let api = api.or(value("BASE_URL"));
    let mut findings = Vec::new();
    let settings = Settings::with_secret(values.clone(), RefreshPolicy::default()).await;
    let config = settings.clone().and_then(|settings| settings.mongo());
    target::announce(&config, &arguments.variables.origin());
    match settings {
        Ok(settings) => {
            findings.push(Finding::new(
                "secret",
                match value("SECRET_ID") {
                    Some(_) => Ok("it is read, and a JSON object of texts".to_owned()),
                    None => Err(skipped("SECRET_ID is not set")),
                },
            ));
            findings.extend(Box::pin(all(&settings, api)).await?);
        }
        Err(error) => findings.push(Finding::new(
            "secret",
            Err(failed(
                error.to_string(),
                "nothing else can be checked before; look at SECRET_ID, AWS_REGION and the credentials, which must allow secretsmanager:GetSecretValue, and at what the secret holds",
            )),
        )),
    }
    for finding in &findings {
        println!("{finding}");
    }
    match findings
        .iter()
        .filter(|finding| finding.has_failed())
        .count()
    {
        0 => Ok(()),
        count => Err(format!("checks that failed: {count}").into()),
    }
}

/// Whatever depends on nothing else is asked at the same time.
async fn all(settings: &Settings, api: Option<&str>) -> Result<Vec<Finding>> {
    let http = http::client()?;
    let variables = variables(settings);
    let (database, twilio, webhooks, service, clocks) = tokio::join!(
        database::check(settings),
        twilio::check(settings, &http),
        webhooks::check(settings, &http),
        service::check(settings, &http, api),
        clock::check(settings, &http, api),
    );
    Ok([variables, database, twilio, webhooks, service, clocks].concat())
}

/// What the functions would say in their init phase, all of it.
fn variables(settings: &Settings) -> Vec<Finding> {
    let told: [Option<ConfigError>; 10] = [
        settings.mongo().err(),
        settings.twilio().err(),
        settings.calls().err(),
        settings.public_urls().err(),
        settings.media_signing_key().err(),
        settings.api_keys().err(),
        settings.speech().err(),
        settings.webhook_queue().err(),
        settings.reconcile().err(),
        settings.webhook_tokens().err(),
    ];
    let mut faults: Vec<String> = told
        .into_iter()
        .flatten()
        .map(|error| error.to_string())
        .collect();
    faults.dedup();
    if faults.is_empty()
        && let Err(error) = outbound_calls::App::from_settings(settings)
    {
        faults.push(error.to_string());
    }
    if faults.is_empty() {
        return vec![Finding::new(
            "variables",
            Ok("every one is as it must be".to_owned()),
        )];
    }
    let fault = |fault| Finding::new("variables", Err(failed(fault, "README lists them all")));
    faults.into_iter().map(fault).collect()
}

/// Where what a check needs is malformed, that is told under `variables`.
fn needed<T>(value: Result<T, ConfigError>) -> Result<T, Verdict> {
    value.map_err(|error| skipped(error.to_string()))
}
