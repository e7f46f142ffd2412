//! Requests to the application: signed, retried as its URL asks for, and told in the log.

mod address;
mod answer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use form_urlencoded::Serializer;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use reqwest::redirect::Policy;
use serde_json::json;

use crate::log::Log;
use crate::model::Hook;
use crate::overrides::Overrides;
use crate::signature::sign;
pub use address::resolve;
use address::{with_query, without_fragment};
pub use answer::{Answer, Trouble};
use answer::{failure, read, timed_out, trouble, unusable};

const MAX_REDIRECTS: usize = 10;

/// What to ask, on behalf of which call.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The call.
    pub call_sid: &'a str,
    /// `voice`, `status`, `recording` or `amd`, for the log.
    pub kind: &'static str,
    /// The status that it tells, for the log.
    pub event: &'a str,
    /// Where.
    pub hook: &'a Hook,
    /// The form.
    pub params: &'a [(String, String)],
    /// The `I-Twilio-Idempotency-Token`: the same on every attempt, and on a duplicate.
    pub token: &'a str,
}

/// Sends webhooks.
#[derive(Debug)]
pub struct Webhooks {
    auth_token: String,
    log: Arc<Log>,
    tls: rustls::ClientConfig,
    clients: Mutex<HashMap<Duration, reqwest::Client>>,
}

impl Webhooks {
    /// A sender that signs with `auth_token` and trusts the bundled roots.
    ///
    /// # Errors
    ///
    /// Where TLS can't be set up.
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
        })
    }

    /// Asks, and asks again as the URL's fragment allows, all within its total time.
    ///
    /// # Errors
    ///
    /// The last attempt's trouble.
    pub async fn send(&self, ask: Ask<'_>) -> Result<Answer, Trouble> {
        let overrides = Overrides::of(&ask.hook.url);
        let deadline = Instant::now() + overrides.total;
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let result =
                tokio::time::timeout_at(deadline.into(), self.attempt(&ask, &overrides)).await;
            let result =
                result.unwrap_or_else(|_| Err(timed_out("no answer within the total time")));
            let retry = attempt <= overrides.retries
                && Instant::now() < deadline
                && failure(&result).is_some_and(|failure| overrides.retry_on(failure));
            self.tell(&ask, attempt, started.elapsed(), &result, retry);
            if !retry {
                return result;
            }
            attempt += 1;
        }
    }

    async fn attempt(&self, ask: &Ask<'_>, overrides: &Overrides) -> Result<Answer, Trouble> {
        let mut url = without_fragment(&ask.hook.url).to_owned();
        let mut get = ask.hook.get;
        if get {
            url = with_query(&url, ask.params);
        }
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.request(&url, get, ask, overrides).await?;
            let Some(location) = answer
                .headers()
                .get(LOCATION)
                .filter(|_| is_redirect(answer.status()))
            else {
                return read(answer, url, overrides.read).await;
            };
            let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
            get = get
                || !matches!(
                    answer.status(),
                    StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
                );
            url = resolve(&url, &location)
                .map(|url| without_fragment(&url).to_owned())
                .ok_or_else(|| unusable(11200, format!("a redirect to {location:?}")))?;
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
        ask: &Ask<'_>,
        overrides: &Overrides,
    ) -> Result<reqwest::Response, Trouble> {
        let client = self
            .client(overrides.connect)
            .map_err(|error| unusable(11200, error.to_string()))?;
        // Signed as it goes over the wire, where what a URL can't hold is percent-encoded: that is all a receiver sees.
        let url = url::Url::parse(url).map_err(|error| unusable(11100, error.to_string()))?;
        let signed = if get { &[] } else { ask.params };
        let signature = sign(&self.auth_token, url.as_str(), signed);
        let request = client
            .request(if get { Method::GET } else { Method::POST }, url)
            .header("X-Twilio-Signature", signature)
            .header("I-Twilio-Idempotency-Token", ask.token);
        let request = if get {
            request
        } else {
            request
                .header(
                    CONTENT_TYPE,
                    "application/x-www-form-urlencoded; charset=UTF-8",
                )
                .body(
                    Serializer::new(String::new())
                        .extend_pairs(ask.params)
                        .finish(),
                )
        };
        // Connecting counts too: it can't be told apart from here, and takes no time worth counting unless it fails.
        match tokio::time::timeout(overrides.read, request.send()).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(trouble(&error)),
            Err(_) => Err(timed_out("no answer within the read time-out")),
        }
    }

    /// One client for each connect time-out, which is a property of the client; connections are not kept, because
    /// the application restarts more often than it is called.
    fn client(&self, connect: Duration) -> reqwest::Result<reqwest::Client> {
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

    fn tell(
        &self,
        ask: &Ask<'_>,
        attempt: u32,
        took: Duration,
        result: &Result<Answer, Trouble>,
        retry: bool,
    ) {
        let mut entry = json!({
            "webhook": ask.kind,
            "method": if ask.hook.get { "GET" } else { "POST" },
            "url": ask.hook.url,
            "event": ask.event,
            "attempt": attempt,
            "elapsed_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "params": ask.params.iter().cloned().collect::<HashMap<_, _>>(),
        });
        match result {
            Ok(answer) => entry["status"] = answer.status.as_u16().into(),
            Err(trouble) => {
                entry["error_code"] = trouble.code.into();
                entry["error"] = trouble.message.as_str().into();
            }
        }
        if retry {
            entry["retry"] = true.into();
        }
        self.log.write("webhook", Some(ask.call_sid), entry);
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
