//! The extractor of webhooks: checks Twilio's signature before a handler sees the form. Also checks queued ones.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRef, FromRequest, Request},
};
use http::{HeaderMap, header};
use lambda_http::{RequestExt, request::RequestContext};
use secrecy::SecretString;

use super::queue::QueuedWebhook;
use crate::{
    config::RefreshReason,
    config::{ConfigError, Reloadable, Settings, WebhookKind, webhook_url},
    domain::CallId,
    http::{BODY_MAX_BYTES, Problem, read_body, request_id},
    twilio::Signed,
};

/// Checks signatures: the auth tokens, and the URL that Twilio signs.
#[derive(Clone)]
pub struct SignatureCheck {
    tokens: Reloadable<Vec<SecretString>>,
    url: Option<Arc<str>>,
}

impl SignatureCheck {
    /// Reads the tokens and the configured URL of this kind of function.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn from_settings(settings: &Settings, kind: WebhookKind) -> Result<Self, ConfigError> {
        Ok(Self {
            tokens: settings.reloadable(Settings::webhook_tokens)?,
            url: webhook_url(settings, kind)?.map(Arc::from),
        })
    }

    /// Reads the tokens and `FALLBACK_URL`, to check requests for the fallback URL out of the queue.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn of_fallbacks(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            tokens: settings.reloadable(Settings::webhook_tokens)?,
            url: settings.fallback_url()?.map(Arc::from),
        })
    }

    /// Returns whether Twilio has signed this webhook out of the queue, whose signature nobody has checked.
    pub async fn is_genuine(&self, webhook: &QueuedWebhook) -> bool {
        let (Some(url), Some(claim)) = (&self.url, &webhook.unverified) else {
            return false;
        };
        let signed = Signed {
            url: &format!("{url}?{}", claim.query),
            signature: Some(&claim.signature),
            settings: claim.settings.as_deref(),
            content_type: None,
            body: webhook.form.as_bytes(),
        };
        call_id(&claim.query) == webhook.call_id && self.is_signed(signed).await
    }

    /// Checks the signature with the known tokens and, if it does not match, with those in the reloaded secret.
    async fn is_signed(&self, signed: Signed<'_>) -> bool {
        let tokens = self.tokens.current();
        if signed.is_valid(&tokens) {
            return true;
        }
        let renewed = self.tokens.renewed(&tokens, RefreshReason::Unknown).await;
        renewed.is_some_and(|tokens| signed.is_valid(&tokens))
    }

    /// Returns the URL that Twilio must have signed: the configured URL or, without one, the URL in the gateway's request context. Never
    /// trusts the `Host` header, which the client controls.
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

/// A form that Twilio signed. Any other request is answered 403 before a handler runs.
pub struct SignedForm {
    /// The form, as Twilio sent it.
    pub body: Bytes,
    /// The `call_id` in the URL.
    pub call_id: Option<CallId>,
    /// The header `I-Twilio-Idempotency-Token`, the same on each retry.
    pub token: Option<String>,
    /// The URL that Twilio signed.
    pub url: String,
    /// The request's id in the logs.
    pub request_id: String,
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
        let body = read_body(request, BODY_MAX_BYTES).await?;
        let Some(url) = url else {
            return Err(bad_signature());
        };
        let signed = Signed {
            url: &url,
            signature: text(&headers, "x-twilio-signature"),
            settings: text(&headers, "x-twilio-webhooks-signature-settings"),
            content_type: text(&headers, header::CONTENT_TYPE.as_str()),
            body: &body,
        };
        if !check.is_signed(signed).await {
            return Err(bad_signature());
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

fn bad_signature() -> Problem {
    Problem::forbidden(
        "bad_signature",
        "The header `X-Twilio-Signature` is missing, or does not match this URL and these parameters.",
    )
}

/// The `call_id` in a query.
pub(super) fn call_id(query: &str) -> Option<CallId> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "call_id")
        .and_then(|(_, value)| value.parse().ok())
}

/// The header with this name, if it is text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
