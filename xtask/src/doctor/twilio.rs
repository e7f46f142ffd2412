//! The Twilio account, its API key, and the number that calls come from.

use outdial::config::{Settings, TwilioConfig};
use outdial::domain::PhoneNumber;
use outdial::twilio::TwilioClient;
use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use super::finding::{Finding, Verdict, failed, skipped};
use super::needed;

pub async fn check(settings: &Settings, http: &Client) -> Vec<Finding> {
    let config = needed(settings.twilio());
    let (account, key) = tokio::join!(
        Finding::of("Twilio account", async {
            account(http, config.clone()?).await
        }),
        Finding::of("Twilio API key", async { api_key(config.clone()?).await }),
    );
    let number = Finding::of("Twilio number", async {
        if account.has_failed() {
            return Err(skipped("the account cannot be asked"));
        }
        let number = needed(settings.calls())?.from_number;
        owns(http, config.clone()?, &number).await
    });
    let number = number.await;
    vec![account, key, number]
}

/// By the auth token, whether there is an API key or not: webhooks are signed by it.
async fn account(http: &Client, config: TwilioConfig) -> Result<String, Verdict> {
    let url = resource(&config, "");
    let account = get(http, &config, url).await?;
    let status = account["status"].as_str().unwrap_or("unknown");
    let kind = account["type"].as_str().unwrap_or_default();
    match (status, kind) {
        ("active", "Trial") => {
            Ok("it is active, on trial: it calls verified numbers alone".to_owned())
        }
        ("active", _) => Ok("it is active, and takes TWILIO_AUTH_TOKEN".to_owned()),
        (other, _) => Err(failed(
            format!("it is {other}"),
            "Twilio's console says why, and what it asks for",
        )),
    }
}

async fn api_key(config: TwilioConfig) -> Result<String, Verdict> {
    const ADVICE: &str =
        "look at TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET: the key must be of this account";
    if config.api_key.is_none() {
        return Err(skipped(
            "TWILIO_API_KEY_SID is not set: the auth token is used",
        ));
    }
    let client = TwilioClient::new(&config).map_err(|error| failed(error.to_string(), ADVICE))?;
    let pinged = client.ping().await;
    pinged.map_err(|error| failed(error.to_string(), ADVICE))?;
    Ok("Twilio takes it".to_owned())
}

async fn owns(
    http: &Client,
    config: TwilioConfig,
    number: &PhoneNumber,
) -> Result<String, Verdict> {
    let find = |name: &str| {
        let mut url = resource(&config, &format!("/{name}"));
        url.query_pairs_mut()
            .append_pair("PhoneNumber", number.as_str());
        get(http, &config, url)
    };
    let owned = find("IncomingPhoneNumbers").await?;
    match owned["incoming_phone_numbers"][0]["capabilities"]["voice"].as_bool() {
        Some(true) => return Ok(format!("{number} is the account's, and can call")),
        Some(false) => {
            return Err(failed(
                format!("{number} is the account's, and cannot call"),
                "set TWILIO_FROM_NUMBER to a number with voice",
            ));
        }
        None => {}
    }
    let verified = find("OutgoingCallerIds").await?;
    if verified["outgoing_caller_ids"][0].is_object() {
        return Ok(format!("{number} is a verified caller ID"));
    }
    Err(failed(
        format!("{number} is neither the account's nor verified"),
        "buy or verify it in Twilio's console, or set TWILIO_FROM_NUMBER to one that is",
    ))
}

fn resource(config: &TwilioConfig, path: &str) -> Url {
    let mut url = config.api_base_url.clone();
    let base = url.path().trim_end_matches('/');
    url.set_path(&format!(
        "{base}/2010-04-01/Accounts/{}{path}.json",
        config.account_sid
    ));
    url
}

async fn get(http: &Client, config: &TwilioConfig, url: Url) -> Result<Value, Verdict> {
    let token = config.auth_tokens.first().map(ExposeSecret::expose_secret);
    let asked = http
        .get(url)
        .basic_auth(&config.account_sid, token)
        .send()
        .await;
    let answer = asked.map_err(|error| {
        let why = format!("Twilio was not reached: {}", error.without_url());
        failed(
            why,
            "look at TWILIO_API_BASE_URL, and at https://status.twilio.com",
        )
    })?;
    match answer.status() {
        StatusCode::OK => answer
            .json()
            .await
            .map_err(|_| failed("Twilio's answer is no JSON", "look at TWILIO_API_BASE_URL")),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(failed(
            "Twilio does not take TWILIO_AUTH_TOKEN",
            "look at TWILIO_ACCOUNT_SID and the token, in the secret too; webhooks are signed by that token",
        )),
        status => Err(failed(
            format!("Twilio answered {}", status.as_u16()),
            "look at TWILIO_ACCOUNT_SID, and at https://status.twilio.com",
        )),
    }
}
