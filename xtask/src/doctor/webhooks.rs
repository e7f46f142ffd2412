//! The webhooks' URLs, by forms that name no call: status and recording refuse such a form before they look at anything, and
//! voice answers with the apology. So the signature is checked, and nothing is stored, queued or counted: neither an orphan nor an apology.

use futures_util::future::join_all;
use outdial::config::{Settings, WebhookKind, webhook_url};
use outdial::twilio::sign;
use reqwest::{Client, Response};
use secrecy::ExposeSecret;

use super::finding::{Finding, Verdict, failed, skipped};
use super::needed;

pub async fn check(settings: &Settings, http: &Client) -> Vec<Finding> {
    let kinds = [
        ("voice", WebhookKind::Voice, 200),
        ("status", WebhookKind::Status, 400),
        ("recording", WebhookKind::Recording, 400),
    ];
    let checks = kinds.map(|(name, kind, wanted)| {
        Finding::of(format!("webhook {name}"), async move {
            let url = needed(webhook_url(settings, kind))?;
            let url = url.ok_or_else(|| skipped("it has no URL"))?;
            let tokens = needed(settings.webhook_tokens())?;
            let token = tokens.first().map_or("", |token| token.expose_secret());
            is_signed(http, &url, token, wanted).await
        })
    });
    join_all(checks).await
}

async fn is_signed(http: &Client, url: &str, token: &str, wanted: u16) -> Result<String, Verdict> {
    let form = [("ApiVersion", "2010-04-01")];
    let ask = async |signature: Option<String>| {
        let mut request = http.post(url).form(&form);
        if let Some(signature) = signature {
            request = request.header("x-twilio-signature", signature);
        }
        request
            .send()
            .await
            .map_err(|error| not_reached(url, error))
    };
    let forged = ask(None).await?;
    if forged.status() != 403 {
        let why = format!(
            "{url} answered {} to what nobody has signed, and not 403",
            said(&forged)
        );
        return Err(failed(
            why,
            "does the URL lead to the function? Its logs, and those of the API, tell",
        ));
    }
    let signed = ask(Some(sign(url, &form, token))).await?;
    match signed.status().as_u16() {
        status if status == wanted => Ok(format!("{url} takes what is signed, and nothing else")),
        403 => Err(failed(
            format!("{url} does not take what TWILIO_AUTH_TOKEN has signed"),
            "the function must have the same token, and the URL that it is reached by: BASE_URL, or VOICE_URL and its like, in both",
        )),
        _ => Err(failed(
            format!(
                "{url} answered {} to what is signed, and not {wanted}",
                said(&signed)
            ),
            "the function's logs tell why",
        )),
    }
}

fn said(answer: &Response) -> String {
    answer.status().as_u16().to_string()
}

pub fn not_reached(url: &str, error: reqwest::Error) -> Verdict {
    let why = format!("{url} was not reached: {}", error.without_url());
    failed(
        why,
        "look at BASE_URL, or at VOICE_URL and its like; Twilio must reach it from the internet",
    )
}
