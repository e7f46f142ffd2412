//! Sending webhooks: signed, retried as the URL's fragment says, and logged.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use form_urlencoded::Serializer;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::audio::AudioCache;
use super::overrides::Overrides;
use super::response::{
    WebhookError, WebhookResponse, connection_error, failure, read, timed_out, unusable,
};
use super::signature::sign;
use super::target::WebhookTarget;
use super::urls::{resolve, with_query, without_fragment};
use crate::log::Log;

pub(super) const MAX_REDIRECTS: usize = 10;

/// A webhook to send.
#[derive(Clone, Debug)]
pub struct WebhookRequest<'a> {
    /// The call.
    pub call_sid: &'a str,
    /// The kind in the log: `voice`, `status`, `recording`, `amd` or `transcript`.
    pub kind: &'static str,
    /// The reported status in the log.
    pub event: &'a str,
    /// The URL and method.
    pub target: &'a WebhookTarget,
    /// The parameters.
    pub params: &'a [(String, String)],
    /// Send the parameters as a JSON object, whose hash is in the query.
    pub is_json: bool,
    /// The `I-Twilio-Idempotency-Token`. Retries and duplicates carry the same token.
    pub token: &'a str,
}

/// Sends webhooks.
#[derive(Debug)]
pub struct WebhookSender {
    auth_token: String,
    log: Arc<Log>,
    tls: rustls::ClientConfig,
    clients: Mutex<HashMap<Duration, reqwest::Client>>,
    audio: Mutex<AudioCache>,
}

impl WebhookSender {
    /// Creates a sender that signs with `auth_token` and trusts the bundled root certificates.
    ///
    /// # Errors
    ///
    /// If TLS can't be set up.
    pub fn new(auth_token: String, log: Arc<Log>) -> Result<Self, rustls::Error> {
        let roots = webpki_roots::TLS_SERVER_ROOTS
            .iter()
            .cloned()
            .collect::<rustls::RootCertStore>();
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
        Ok(Self {
            auth_token,
            log,
            tls,
            clients: Mutex::default(),
            audio: Mutex::default(),
        })
    }

    pub(super) fn audio(&self) -> std::sync::MutexGuard<'_, AudioCache> {
        self.audio.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a webhook, with the retries and within the total time that the URL's fragment sets.
    ///
    /// # Errors
    ///
    /// The error of the last attempt.
    pub async fn send(&self, webhook: WebhookRequest<'_>) -> Result<WebhookResponse, WebhookError> {
        let overrides = Overrides::from_url(&webhook.target.url);
        let deadline = Instant::now() + overrides.total;
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let result =
                tokio::time::timeout_at(deadline.into(), self.attempt(&webhook, &overrides)).await;
            let result =
                result.unwrap_or_else(|_| Err(timed_out("no response within the total time")));
            let retry = attempt <= overrides.retries
                && Instant::now() < deadline
                && failure(&result).is_some_and(|failure| overrides.retry_on(failure));
            self.log_attempt(&webhook, attempt, started.elapsed(), &result, retry);
            if !retry {
                return result;
            }
            attempt += 1;
        }
    }

    /// Sends once, and follows redirects.
    async fn attempt(
        &self,
        webhook: &WebhookRequest<'_>,
        overrides: &Overrides,
    ) -> Result<WebhookResponse, WebhookError> {
        let mut url = without_fragment(&webhook.target.url).to_owned();
        let mut get = webhook.target.get;
        let json = webhook.is_json.then(|| json_body(webhook.params));
        if get {
            url = with_query(&url, webhook.params);
        } else if let Some(body) = &json {
            url = with_query(&url, &[("bodySHA256".to_owned(), sha256_hex(body))]);
        }
        for _ in 0..=MAX_REDIRECTS {
            let response = self
                .request(&url, get, webhook, json.as_deref(), overrides)
                .await?;
            let Some(location) = response
                .headers()
                .get(LOCATION)
                .filter(|_| is_redirect(response.status()))
            else {
                return read(response, url, overrides.read).await;
            };
            let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
            get = get
                || !matches!(
                    response.status(),
                    StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
                );
            url = resolve(&url, &location)
                .map(|url| without_fragment(&url).to_owned())
                .ok_or_else(|| {
                    unusable(11200, format!("can't follow the redirect to {location:?}"))
                })?;
        }
        Err(unusable(
            11215,
            format!("more than {MAX_REDIRECTS} redirects"),
        ))
    }

    async fn request(
        &self,
        url: &str,
        get: bool,
        webhook: &WebhookRequest<'_>,
        json: Option<&str>,
        overrides: &Overrides,
    ) -> Result<reqwest::Response, WebhookError> {
        let client = self
            .client(overrides.connect)
            .map_err(|error| unusable(11200, error.to_string()))?;
        // The signature covers the URL as sent, percent-encoded, because the receiver sees only that form.
        let url = url::Url::parse(url).map_err(|error| unusable(11100, error.to_string()))?;
        let has_form = !get && json.is_none();
        let signed = if has_form { webhook.params } else { &[] };
        let signature = sign(&self.auth_token, url.as_str(), signed);
        let request = client
            .request(if get { Method::GET } else { Method::POST }, url)
            .header("X-Twilio-Signature", signature)
            .header("I-Twilio-Idempotency-Token", webhook.token);
        let request = if let (Some(body), false) = (json, get) {
            request
                .header(CONTENT_TYPE, "application/json; charset=utf-8")
                .body(body.to_owned())
        } else if get {
            request
        } else {
            request
                .header(
                    CONTENT_TYPE,
                    "application/x-www-form-urlencoded; charset=UTF-8",
                )
                .body(
                    Serializer::new(String::new())
                        .extend_pairs(webhook.params)
                        .finish(),
                )
        };
        // The read timeout includes connecting, which can't be measured separately here and is short unless it fails.
        match tokio::time::timeout(overrides.read, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(connection_error(&error)),
            Err(_) => Err(timed_out("no response within the read timeout")),
        }
    }

    /// Returns the HTTP client for a connect timeout, which is a setting of the whole client.
    ///
    /// Clients don't reuse connections, because the application under test restarts often.
    pub(super) fn client(&self, connect: Duration) -> reqwest::Result<reqwest::Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect) {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .connect_timeout(connect)
            .pool_max_idle_per_host(0)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent("TwilioProxy/1.1")
            .build()?;
        if clients.len() > 100 {
            clients.clear();
        }
        clients.insert(connect, client.clone());
        Ok(client)
    }

    fn log_attempt(
        &self,
        webhook: &WebhookRequest<'_>,
        attempt: u32,
        took: Duration,
        result: &Result<WebhookResponse, WebhookError>,
        retry: bool,
    ) {
        let mut entry = json!({
            "webhook": webhook.kind,
            "method": if webhook.target.get { "GET" } else { "POST" },
            "url": webhook.target.url,
            "event": webhook.event,
            "attempt": attempt,
            "elapsed_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "params": webhook.params.iter().cloned().collect::<HashMap<_, _>>(),
        });
        match result {
            Ok(response) => entry["status"] = response.status.as_u16().into(),
            Err(error) => {
                entry["error_code"] = error.code.into();
                entry["error"] = error.message.as_str().into();
            }
        }
        if retry {
            entry["retry"] = true.into();
        }
        self.log.write("webhook", Some(webhook.call_sid), entry);
    }
}

fn json_body(params: &[(String, String)]) -> String {
    let members = params
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()));
    Value::Object(members.collect()).to_string()
}

fn sha256_hex(body: &str) -> String {
    let hash = digest(&SHA256, body.as_bytes());
    hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
