//! The functions' own word: health, and a URL of audio of a recording that there is not.

use chrono::Utc;
use outdial::config::Settings;
use outdial::http::media::MediaSigner;
use reqwest::Client;
use serde_json::Value;
use uuid::Uuid;

use super::finding::{Finding, Verdict, failed, skipped};
use super::needed;
use super::webhooks::not_reached;

pub async fn check(settings: &Settings, http: &Client, api: Option<&str>) -> Vec<Finding> {
    let (audio, health) = tokio::join!(
        Finding::of("audio", audio(settings, http)),
        Finding::of("health", async {
            let told = health(http, api).await?;
            let down: Vec<_> = ["database", "twilio"]
                .into_iter()
                .filter(|part| told[part] != "up")
                .collect();
            if down.is_empty() {
                return Ok("the functions reach the database and Twilio".to_owned());
            }
            let why = format!("the functions do not reach: {}", down.join(", "));
            Err(failed(
                why,
                "the logs of health tell why; they are not in this network, and may have another secret",
            ))
        }),
    );
    vec![audio, health]
}

/// The API's answer to `GET /health`.
pub async fn health(http: &Client, api: Option<&str>) -> Result<Value, Verdict> {
    let origin = api.ok_or_else(|| skipped("BASE_URL is not set: give --api-url"))?;
    let url = format!("{}/health", origin.trim_end_matches('/'));
    let answer = http
        .get(&url)
        .send()
        .await
        .map_err(|error| not_reached(&url, error))?;
    let status = answer.status();
    answer.json().await.map_err(|_| {
        let why = format!("{url} answered {} and no JSON", status.as_u16());
        failed(why, "is it the API's origin?")
    })
}

async fn audio(settings: &Settings, http: &Client) -> Result<String, Verdict> {
    let url = needed(settings.public_urls())?.media;
    let signer = needed(MediaSigner::from_settings(settings))?;
    let nobodys = format!("RE{}", Uuid::new_v4().simple()).parse();
    let nobodys = nobodys.map_err(|_| skipped("no name could be made"))?;
    let status = async |url: &str| {
        let answer = http.get(url).send().await;
        answer.map(|answer| answer.status().as_u16())
    };
    let unsigned = status(&url)
        .await
        .map_err(|error| not_reached(&url, error))?;
    if unsigned != 403 {
        let why = format!("{url} answered {unsigned} to what is not signed, and not 403");
        return Err(failed(
            why,
            "does MEDIA_URL, or BASE_URL, lead to the function?",
        ));
    }
    let signed = signer.url(&url, &nobodys, Utc::now().timestamp());
    match status(&signed)
        .await
        .map_err(|error| not_reached(&url, error))?
    {
        404 => Ok(format!("{url} takes what is signed, and nothing else")),
        403 => Err(failed(
            format!("{url} does not take what MEDIA_SIGNING_KEY has signed"),
            "the function must have the same key; and this machine's clock must be right, see below",
        )),
        other => Err(failed(
            format!("{url} answered {other} about a recording that there is not, and not 404"),
            "the function's logs tell why: it may not reach Twilio",
        )),
    }
}
