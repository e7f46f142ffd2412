//! The webhooks' URLs and signatures. The form names no call, so nothing is stored, queued or counted: status and recording
//! refuse it, voice and fallback return the apology, and inbound says who calls.

use futures_util::future::join_all;
use outdial::config::{Settings, WebhookKind, webhook_url};
use outdial::twilio::sign;
use reqwest::{Client, Response};
use secrecy::ExposeSecret;

use crate::error::cause;

use super::finding::{Finding, Verdict, failed, required, skipped};

pub async fn check(settings: &Settings, http: &Client) -> Vec<Finding> {
    let kinds = [
        ("voice", WebhookKind::Voice, 200),
        ("inbound", WebhookKind::Inbound, 200),
        ("status", WebhookKind::Status, 400),
        ("machine", WebhookKind::Machine, 400),
        ("recording", WebhookKind::Recording, 400),
    ];
    let checks = kinds.map(|(name, kind, expected)| {
        Finding::of(format!("webhook {name}"), async move {
            let url = required(webhook_url(settings, kind))?;
            let url = url.ok_or_else(|| skipped("it has no URL"))?;
            let tokens = required(settings.webhook_tokens())?;
            let token = tokens.first().map_or("", |token| token.expose_secret());
            is_signed(http, &url, token, expected).await
        })
    });
    let fallback = Finding::of("webhook fallback", apologizes(settings, http));
    let (mut findings, fallback) = tokio::join!(join_all(checks), fallback);
    findings.push(fallback);
    findings
}

/// Sends the form to the fallback URL, without a signature.
async fn apologizes(settings: &Settings, http: &Client) -> Result<String, Verdict> {
    let url = required(settings.fallback_url())?;
    let url = url.ok_or_else(|| skipped("FALLBACK_URL is not set: the voice URL is used"))?;
    let response = http.post(&url).form(&FORM).send().await;
    let response = response.map_err(|error| not_reached(&url, &error))?;
    let status = status(&response);
    let document = response.text().await.unwrap_or_default();
    if status == 200 && document.contains("</Say>") {
        return Ok(format!("{url} apologizes"));
    }
    Err(failed(
        format!("{url} responded {status}, without words"),
        "check that FALLBACK_URL leads to the function fallback",
    ))
}

/// A form that names no call.
const FORM: [(&str, &str); 1] = [("ApiVersion", "2010-04-01")];

/// Sends the form without and with a signature. `expected` is the status of the signed one.
async fn is_signed(
    http: &Client,
    url: &str,
    token: &str,
    expected: u16,
) -> Result<String, Verdict> {
    let send = async |signature: Option<String>| {
        let mut request = http.post(url).form(&FORM);
        if let Some(signature) = signature {
            request = request.header("x-twilio-signature", signature);
        }
        let response = request.send().await;
        response.map_err(|error| not_reached(url, &error))
    };
    let unsigned = status(&send(None).await?);
    if unsigned != 403 {
        return Err(failed(
            format!("{url} responded {unsigned} instead of 403 to an unsigned form"),
            "check that the URL leads to the function; see its logs and those of the API",
        ));
    }
    let signed = send(Some(sign(url, &FORM, token))).await?;
    match status(&signed) {
        status if status == expected => Ok(format!("{url} accepts signed forms only")),
        403 => Err(failed(
            format!("{url} does not accept what TWILIO_AUTH_TOKEN signed"),
            "the function must have the same token, and the same URL in BASE_URL, or in VOICE_URL, STATUS_URL or RECORDING_URL",
        )),
        other => Err(failed(
            format!("{url} responded {other} instead of {expected} to a signed form"),
            "see the function's logs",
        )),
    }
}

fn status(response: &Response) -> u16 {
    response.status().as_u16()
}

/// The verdict on a URL that does not respond.
pub fn not_reached(url: &str, error: &reqwest::Error) -> Verdict {
    failed(
        format!("{url} was not reached: {}", cause(error)),
        "check BASE_URL, or VOICE_URL, STATUS_URL and RECORDING_URL, and the proxy variables; Twilio must reach it from the internet",
    )
}
