//! The webhooks' URLs and signatures. The form names no call, so nothing is stored, queued or counted: status and recording
//! refuse it, voice returns the apology, and inbound says who calls.

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
    join_all(checks).await
}

/// Sends the form without and with a signature. `expected` is the status of the signed one.
async fn is_signed(
    http: &Client,
    url: &str,
    token: &str,
    expected: u16,
) -> Result<String, Verdict> {
    let form = [("ApiVersion", "2010-04-01")];
    let send = async |signature: Option<String>| {
        let mut request = http.post(url).form(&form);
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
    let signed = send(Some(sign(url, &form, token))).await?;
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
