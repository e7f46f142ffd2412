//! The deployed functions: `GET /health`, and the signatures of audio URLs.

use chrono::Utc;
use outdial::config::Settings;
use outdial::http::media_url::MediaSigner;
use reqwest::Client;
use serde_json::Value;
use uuid::Uuid;

use super::finding::{Finding, Verdict, failed, required, skipped};
use super::webhooks::not_reached;

pub async fn check(settings: &Settings, http: &Client, api: Option<&str>) -> Vec<Finding> {
    let (audio, health) = tokio::join!(
        Finding::of("audio", audio_is_signed(settings, http)),
        Finding::of("health", is_healthy(http, api)),
    );
    vec![audio, health]
}

async fn is_healthy(http: &Client, api: Option<&str>) -> Result<String, Verdict> {
    let health = health(http, api).await?;
    let down: Vec<_> = ["database", "twilio"]
        .into_iter()
        .filter(|part| health[part] != "up")
        .collect();
    if down.is_empty() {
        return Ok("the functions reach the database and Twilio".to_owned());
    }
    Err(failed(
        format!("the functions do not reach: {}", down.join(", ")),
        "see the logs of the function health; the functions are in another network than this machine, and may have another secret",
    ))
}

/// Returns the response to `GET /health`.
pub async fn health(http: &Client, api: Option<&str>) -> Result<Value, Verdict> {
    let origin = api.ok_or_else(|| skipped("BASE_URL is not set: pass --api-url"))?;
    let url = format!("{}/health", origin.trim_end_matches('/'));
    let response = http
        .get(&url)
        .send()
        .await
        .map_err(|error| not_reached(&url, &error))?;
    let status = response.status();
    response.json().await.map_err(|_| {
        let why = format!("{url} responded {} without JSON", status.as_u16());
        failed(why, "check that this is the API's origin")
    })
}

/// Requests the audio of a recording that does not exist: a valid signature gives 404, any other 403.
async fn audio_is_signed(settings: &Settings, http: &Client) -> Result<String, Verdict> {
    let url = required(settings.public_urls())?.media;
    let signer = required(MediaSigner::from_settings(settings))?;
    let unknown = format!("RE{}", Uuid::new_v4().simple()).parse();
    let unknown = unknown.map_err(|_| skipped("no recording id could be made"))?;
    let status = async |requested: &str| {
        let response = http.get(requested).send().await;
        let response = response.map_err(|error| not_reached(&url, &error))?;
        Ok::<_, Verdict>(response.status().as_u16())
    };
    let unsigned = status(&url).await?;
    if unsigned != 403 {
        return Err(failed(
            format!("{url} responded {unsigned} instead of 403 to an unsigned request"),
            "check that MEDIA_URL, or BASE_URL, leads to the function media",
        ));
    }
    match status(&signer.url(&url, &unknown, Utc::now().timestamp())).await? {
        404 => Ok(format!("{url} accepts signed requests only")),
        403 => Err(failed(
            format!("{url} does not accept what MEDIA_SIGNING_KEY signed"),
            "the function must have the same key, and this machine's clock must be right: see below",
        )),
        other => Err(failed(
            format!("{url} responded {other} instead of 404 to a request for an unknown recording"),
            "see the function's logs: it may not reach Twilio",
        )),
    }
}
