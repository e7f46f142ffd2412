use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRef, FromRequest, Request},
    response::Response,
};
use http::{HeaderMap, header};
use lambda_http::{RequestExt, request::RequestContext};
use mongodb::bson::DateTime;
use secrecy::SecretString;

use super::{Problem, answer::twiml, json::read_body, layers::request_id};
use crate::{
    config::{ConfigError, Reloadable, Settings, WebhookKind, webhook_url},
    domain::CallId,
    metrics::{self, Count},
    queue::{Webhook, WebhookQueue, WebhookTopic},
    secret::RefreshReason,
    twilio::{self, Signed},
    webhooks::{WebhookEvent, Webhooks},
};

/// What a webhook's signature is checked with.
#[derive(Clone)]
pub struct SignatureCheck {
    tokens: Reloadable<Vec<SecretString>>,
    url: Option<Arc<str>>,
}

impl SignatureCheck {
    /// The tokens and the configured URL of the function of that kind.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(settings: &Settings, kind: WebhookKind) -> Result<Self, ConfigError> {
        Ok(Self {
            tokens: settings.reloadable(Settings::webhook_tokens)?,
            url: webhook_url(settings, kind)?.map(Arc::from),
        })
    }

    /// Whether Twilio has signed it, by the tokens that are known, or by those that the secret has got since.
    async fn vouches_for(&self, signed: Signed<'_>) -> bool {
        let tokens = self.tokens.current();
        if signed.is_valid(&tokens) {
            return true;
        }
        let renewed = self.tokens.renewed(&tokens, RefreshReason::Unknown).await;
        renewed.is_some_and(|tokens| signed.is_valid(&tokens))
    }

    /// The URL that Twilio must have signed: the configured one, else what the gateway vouches for. Never the Host header.
    fn signed_url(&self, request: &Request) -> Option<String> {
        let mut url = if let Some(url) = &self.url {
            url.to_string()
        } else {
            let extensions = request.extensions();
            let Some(RequestContext::ApiGatewayV2(context)) = extensions.request_context_ref()
            else {
                return None;
            };
            format!(
                "https://{}{}",
                context.domain_name.as_deref()?,
                extensions.raw_http_path()
            )
        };
        if let Some(query) = request.uri().query().filter(|query| !query.is_empty()) {
            url.push('?');
            url.push_str(query);
        }
        Some(url)
    }
}

/// What takes the webhooks of one topic.
#[derive(Clone)]
pub struct WebhookReceiver {
    topic: WebhookTopic,
    webhooks: Webhooks,
    queue: Option<WebhookQueue>,
}

impl WebhookReceiver {
    /// What the database cannot take goes to the queue of `WEBHOOK_QUEUE_URL`, if there is one.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn new(
        topic: WebhookTopic,
        webhooks: Webhooks,
        settings: &Settings,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            topic,
            webhooks,
            queue: WebhookQueue::from_settings(settings)?,
        })
    }

    /// Applies a webhook, or keeps it. Either way it is not lost, and Twilio is told so.
    ///
    /// # Errors
    ///
    /// 400 for a form that is not what Twilio sends; 503 where neither the database nor the queue has taken it: Twilio
    /// repeats it.
    pub async fn take(&self, form: SignedForm) -> Result<Response, Problem> {
        let now = DateTime::now();
        let news = WebhookEvent::read(self.topic, &form.body, form.token.as_deref(), now).map_err(
            |error| Problem::malformed_form(format!("The form is no callback: {error}.")),
        )?;
        if let Err(error) = self.webhooks.apply(form.call_id, &news).await {
            let Some(queue) = &self.queue else {
                return Err(error.into());
            };
            let call_sid = news.call_sid().map(tracing::field::display);
            if let Err(kept) = queue.send(&form.into_webhook(self.topic, now)).await {
                tracing::error!(call_sid, error = %kept, "a webhook was neither applied nor kept");
                return Err(error.into());
            }
            metrics::count(Count::SpilledWebhook);
            tracing::warn!(call_sid, %error, "a webhook was not applied; it waits in the queue");
        }
        Ok(twiml(twilio::empty()))
    }
}

/// A form that Twilio has signed. Anything else is 403 before a handler sees it.
pub struct SignedForm {
    /// The form, as it was sent.
    pub body: Bytes,
    /// The call that the URL names.
    pub call_id: Option<CallId>,
    /// `I-Twilio-Idempotency-Token`: the same on each retry.
    pub token: Option<String>,
    /// The URL that Twilio has signed.
    pub url: String,
    /// The name of the request in the logs.
    pub request_id: String,
}

impl SignedForm {
    fn into_webhook(self, topic: WebhookTopic, received_at: DateTime) -> Webhook {
        Webhook {
            topic,
            call_id: self.call_id,
            form: Webhook::keepable_form(&self.body),
            token: self.token,
            received_at: received_at.timestamp_millis(),
            request_id: self.request_id,
        }
    }
}

impl<S> FromRequest<S> for SignedForm
where
    S: Send + Sync,
    SignatureCheck: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let check = SignatureCheck::from_ref(state);
        let url = check.signed_url(&request);
        let headers = request.headers().clone();
        let request_id = request_id(&request);
        let call_id = call_id(request.uri().query().unwrap_or_default());
        let body = read_body(request).await?;
        let Some(url) = url else {
            return Err(unsigned());
        };
        let signed = Signed {
            url: &url,
            signature: text(&headers, "x-twilio-signature"),
            settings: text(&headers, "x-twilio-webhooks-signature-settings"),
            content_type: text(&headers, header::CONTENT_TYPE.as_str()),
            body: &body,
        };
        if !check.vouches_for(signed).await {
            return Err(unsigned());
        }
        if let Some(id) = call_id {
            tracing::Span::current().record("call_id", tracing::field::display(id));
        }
        let token = text(&headers, "i-twilio-idempotency-token").map(str::to_owned);
        Ok(Self {
            body,
            call_id,
            token,
            url,
            request_id,
        })
    }
}

fn unsigned() -> Problem {
    Problem::forbidden(
        "bad_signature",
        "The request does not carry Twilio's signature of this URL and these parameters.",
    )
}

fn call_id(query: &str) -> Option<CallId> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "call_id")
        .and_then(|(_, value)| value.parse().ok())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
