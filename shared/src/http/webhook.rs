use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRef, FromRequest, Request},
};
use http::{HeaderMap, header};
use lambda_http::{RequestExt, request::RequestContext};
use secrecy::SecretString;

use super::{Problem, json::read_body};
use crate::{
    config::{ConfigError, Settings, WebhookKind, webhook_url},
    domain::CallId,
    twilio::Signed,
};

/// What a webhook's signature is checked with.
#[derive(Clone)]
pub struct SignatureCheck {
    tokens: Arc<[SecretString]>,
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
            tokens: settings.webhook_tokens()?.into(),
            url: webhook_url(settings, kind)?.map(Arc::from),
        })
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

/// A form that Twilio has signed. Anything else is 403 before a handler sees it.
#[derive(Debug)]
pub struct SignedForm {
    /// The form, as it was sent.
    pub body: Bytes,
    /// The call that the URL names.
    pub call_id: Option<CallId>,
    /// `I-Twilio-Idempotency-Token`: the same on each retry.
    pub token: Option<String>,
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
        let call_id = call_id(request.uri().query().unwrap_or_default());
        let body = read_body(request).await?;
        let valid = url.is_some_and(|url| {
            Signed {
                url: &url,
                signature: text(&headers, "x-twilio-signature"),
                settings: text(&headers, "x-twilio-webhooks-signature-settings"),
                content_type: text(&headers, header::CONTENT_TYPE.as_str()),
                body: &body,
            }
            .is_valid(&check.tokens)
        });
        if !valid {
            return Err(Problem::forbidden(
                "bad_signature",
                "The request does not carry Twilio's signature of this URL and these parameters.",
            ));
        }
        if let Some(id) = call_id {
            tracing::Span::current().record("call_id", tracing::field::display(id));
        }
        let token = text(&headers, "i-twilio-idempotency-token").map(str::to_owned);
        Ok(Self {
            body,
            call_id,
            token,
        })
    }
}

fn call_id(query: &str) -> Option<CallId> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "call_id")
        .and_then(|(_, value)| value.parse().ok())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
