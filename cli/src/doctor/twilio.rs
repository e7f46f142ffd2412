//! The Twilio account, its API key, the number that calls come from, and the one that people call back.

use outdial::config::{Settings, TwilioConfig, WebhookKind, webhook_url};
use outdial::domain::PhoneNumber;
use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use crate::error::cause;

use super::finding::{Finding, Verdict, failed, required, skipped};

pub async fn check(settings: &Settings, http: &Client) -> Vec<Finding> {
    let config = required(settings.twilio());
    let (account, key) = tokio::join!(
        Finding::of("Twilio account", async {
            account_is_active(http, config.clone()?).await
        }),
        Finding::of("Twilio API key", async {
            key_is_valid(config.clone()?).await
        }),
    );
    let number = Finding::of("Twilio number", async {
        if account.has_failed() {
            return Err(skipped("the account could not be read"));
        }
        let number = required(settings.calls())?.from_number;
        number_can_call(http, config.clone()?, &number).await
    });
    let callback = Finding::of("callback number", async {
        let number = required(settings.callback_number())?;
        let number = number.ok_or_else(|| skipped("CALLBACK_NUMBER is not set"))?;
        if account.has_failed() {
            return Err(skipped("the account could not be read"));
        }
        let url = required(webhook_url(settings, WebhookKind::Inbound))?;
        let url = url.ok_or_else(|| skipped("the webhook inbound has no URL"))?;
        calls_reach_us(http, config.clone()?, &number, &url).await
    });
    let (number, callback) = tokio::join!(number, callback);
    vec![account, key, number, callback]
}

/// Uses the auth token even if there is an API key: the token signs the webhooks.
async fn account_is_active(http: &Client, config: TwilioConfig) -> Result<String, Verdict> {
    let url = resource(&config, "");
    let account = get(http, &config, url).await?;
    let status = account["status"].as_str().unwrap_or("unknown");
    let kind = account["type"].as_str().unwrap_or_default();
    match (status, kind) {
        ("active", "Trial") => Ok("active, on trial: it can call verified numbers only".to_owned()),
        ("active", _) => Ok("active, and accepts TWILIO_AUTH_TOKEN".to_owned()),
        (other, _) => Err(failed(
            format!("the account is {other}"),
            "see Twilio's console for the reason",
        )),
    }
}

async fn key_is_valid(config: TwilioConfig) -> Result<String, Verdict> {
    const ADVICE: &str =
        "check TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET: the key must belong to this account";
    if config.api_key.is_none() {
        return Err(skipped(
            "TWILIO_API_KEY_SID is not set: the auth token is used",
        ));
    }
    let client = crate::http::twilio(&config).map_err(|error| failed(error.to_string(), ADVICE))?;
    let pinged = client.ping().await;
    pinged.map_err(|error| failed(error.to_string(), ADVICE))?;
    Ok("Twilio accepts it".to_owned())
}

async fn number_can_call(
    http: &Client,
    config: TwilioConfig,
    number: &PhoneNumber,
) -> Result<String, Verdict> {
    let find = |name: &'static str| find(http, &config, name, number);
    let owned = find("IncomingPhoneNumbers").await?;
    match owned["incoming_phone_numbers"][0]["capabilities"]["voice"].as_bool() {
        Some(true) => return Ok(format!("{number} belongs to the account and has voice")),
        Some(false) => {
            return Err(failed(
                format!("{number} belongs to the account, but has no voice"),
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
        format!("{number} neither belongs to the account nor is verified"),
        "buy or verify it in Twilio's console, or set TWILIO_FROM_NUMBER to another number",
    ))
}

/// Checks that Twilio asks our webhook what to say to people who call the number.
async fn calls_reach_us(
    http: &Client,
    config: TwilioConfig,
    number: &PhoneNumber,
    url: &str,
) -> Result<String, Verdict> {
    let owned = find(http, &config, "IncomingPhoneNumbers", number).await?;
    let owned = &owned["incoming_phone_numbers"][0];
    if !owned.is_object() {
        return Err(failed(
            format!("{number} does not belong to the account"),
            "set CALLBACK_NUMBER to a number of the account with voice",
        ));
    }
    let is_ours = owned["voice_url"].as_str() == Some(url) && owned["voice_method"] == "POST";
    if !is_ours || owned["voice_application_sid"].is_string() {
        return Err(failed(
            format!("Twilio does not ask {url} when people call {number}"),
            "set the number's voice URL to this one with the method POST, and remove its application",
        ));
    }
    Ok(format!("people who call {number} reach {url}"))
}

/// Returns the numbers of this resource that are `number`.
async fn find(
    http: &Client,
    config: &TwilioConfig,
    name: &str,
    number: &PhoneNumber,
) -> Result<Value, Verdict> {
    let mut url = resource(config, &format!("/{name}"));
    url.query_pairs_mut()
        .append_pair("PhoneNumber", number.as_str());
    get(http, config, url).await
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
    let request = http.get(url).basic_auth(&config.account_sid, token);
    let response = request.send().await.map_err(|error| {
        failed(
            format!("Twilio was not reached: {}", cause(&error)),
            "check TWILIO_API_BASE_URL, the proxy variables, and https://status.twilio.com",
        )
    })?;
    match response.status() {
        StatusCode::OK => response
            .json()
            .await
            .map_err(|_| failed("Twilio's response is not JSON", "check TWILIO_API_BASE_URL")),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(failed(
            "Twilio does not accept TWILIO_AUTH_TOKEN",
            "check TWILIO_ACCOUNT_SID and the token, also in the secret; that token signs the webhooks",
        )),
        status => Err(failed(
            format!("Twilio responded {}", status.as_u16()),
            "check TWILIO_ACCOUNT_SID, and https://status.twilio.com",
        )),
    }
}
