//! How a request reaches Twilio: over which connection, with which credentials, how often, and for how long.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode, redirect::Policy,
};
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep, timeout};
use url::Url;
use uuid::Uuid;

use super::{
    BuildError,
    answer::{Failure, GARBLED, accepted, answer, answered, body},
};
use crate::{
    config::{Reloadable, TwilioConfig},
    secret::RefreshReason,
    tls,
};

/// How long Twilio may take. The defaults are what the functions run with.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the answer to one request, its connection included.
    pub answer: Duration,
    /// For dialling, all tries and pauses included.
    pub dial_budget: Duration,
    /// For any other request, all tries and pauses included.
    pub read_budget: Duration,
    /// For the one try of a health check.
    pub ping: Duration,
    /// The pause before the second try; it doubles with each more.
    pub first_pause: Duration,
}

/// Twilio's share of the time in which an API function answers.
const DIAL_BUDGET: Duration = Duration::from_secs(12);

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(8),
            dial_budget: DIAL_BUDGET,
            read_budget: Duration::from_secs(5),
            ping: Duration::from_secs(2),
            first_pause: Duration::from_millis(100),
        }
    }
}

/// How often a request is tried.
#[derive(Clone, Copy)]
pub(super) struct RetryPolicy {
    pub tries: u32,
    pub budget: Duration,
    pub again: fn(&Failure) -> bool,
}

const REDIRECTS_MAX: usize = 3;

#[derive(Clone)]
pub(super) struct Rest {
    http: Client,
    media: Client,
    config: Reloadable<TwilioConfig>,
    timeouts: Timeouts,
}

impl Rest {
    pub fn new(
        reloadable: Reloadable<TwilioConfig>,
        timeouts: Timeouts,
    ) -> Result<Self, BuildError> {
        let config = reloadable.current();
        if config.api_key.is_none() && config.auth_tokens.is_empty() {
            return Err(BuildError::NoCredentials);
        }
        if config.api_base_url.cannot_be_a_base() {
            return Err(BuildError::BaseUrl);
        }
        let tls = tls::client_config()?;
        let insecure = config.api_base_url.scheme() == "http";
        Ok(Self {
            http: client(tls.clone(), &timeouts)
                .redirect(Policy::none())
                .build()?,
            media: client(tls, &timeouts)
                .redirect(media_redirects(insecure))
                .read_timeout(timeouts.answer)
                .build()?,
            config: reloadable,
            timeouts,
        })
    }

    /// Whether an API key stands for the account.
    pub fn has_api_key(&self) -> bool {
        self.config.current().api_key.is_some()
    }

    /// The account's own resource.
    pub fn account(&self) -> Url {
        let config = self.config.current();
        url(&config, &[&format!("{}.json", config.account_sid)])
    }

    /// A resource of the account, by the segments of its path; whatever they hold, they stay segments.
    pub fn resource(&self, segments: &[&str]) -> Url {
        let config = self.config.current();
        url(
            &config,
            &[&[config.account_sid.as_str()], segments].concat(),
        )
    }

    /// The page of a list that Twilio names by its path; it is on the same host.
    pub fn follow(&self, path: &str) -> Result<Url, Failure> {
        let api = &self.config.current().api_base_url;
        let prefix = api.path().trim_end_matches('/');
        path.starts_with("/2010-04-01/")
            .then(|| api.join(&format!("{prefix}{path}")).ok())
            .flatten()
            .ok_or(Failure::Unusable(GARBLED))
    }

    /// The body of a 2xx answer.
    pub async fn send(
        &self,
        policy: RetryPolicy,
        method: Method,
        url: &Url,
        form: &[(&str, String)],
    ) -> Result<Vec<u8>, Failure> {
        self.authorized(policy, |config, limit| {
            let request = self
                .http
                .request(method.clone(), url.clone())
                .timeout(limit);
            let request = with_credentials(request, config);
            let request = if form.is_empty() {
                request
            } else {
                request.form(form)
            };
            async move { body(accepted(answer(request).await?).await?).await }
        })
        .await
    }

    /// The answer itself, its body still to come, where its status is one of these. A redirect is followed.
    pub async fn open(
        &self,
        policy: RetryPolicy,
        url: &Url,
        range: Option<&str>,
        wanted: &[StatusCode],
    ) -> Result<Response, Failure> {
        self.authorized(policy, |config, limit| {
            let request = with_credentials(self.media.get(url.clone()), config);
            let request = match range {
                Some(range) => request.header(http::header::RANGE, range),
                None => request,
            };
            async move {
                let response = timeout(limit, answer(request))
                    .await
                    .map_err(|_| Failure::Lost("Twilio did not answer in time".to_owned()))??;
                if wanted.contains(&response.status()) {
                    return Ok(response);
                }
                let response = accepted(response).await?;
                Err(Failure::Lost(answered(response.status())))
            }
        })
        .await
    }

    /// Tries as planned with our credentials, and once more so, within the same time, where Twilio does not know them
    /// (401: it has done nothing) and the secret tells others.
    async fn authorized<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        policy: RetryPolicy,
        attempt: impl Fn(&TwilioConfig, Duration) -> F,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + policy.budget;
        let config = self.config.current();
        let result = self
            .retried(policy, deadline, |limit| attempt(&config, limit))
            .await;
        let is_unknown =
            matches!(&result, Err(Failure::Refused(refusal)) if refusal.http_status == Some(401));
        if !is_unknown {
            return result;
        }
        match self.renewed(&config).await {
            Some(renewed) if self.leaves_time_to_connect(deadline) => {
                self.retried(policy, deadline, |limit| attempt(&renewed, limit))
                    .await
            }
            _ => result,
        }
    }

    /// Other credentials of the same account, which stands in the URLs.
    async fn renewed(&self, refused: &Arc<TwilioConfig>) -> Option<Arc<TwilioConfig>> {
        let renewed = self.config.renewed(refused, RefreshReason::Refused).await?;
        (renewed.account_sid == refused.account_sid).then_some(renewed)
    }

    fn leaves_time_to_connect(&self, deadline: Instant) -> bool {
        Instant::now() + self.timeouts.connect <= deadline
    }

    /// Tries as planned. After a pause there is always time left to connect: so a time-out in a later try never leaves
    /// open whether the request was sent.
    async fn retried<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        policy: RetryPolicy,
        deadline: Instant,
        attempt: impl Fn(Duration) -> F,
    ) -> Result<T, Failure> {
        let mut tries = 1;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let failure = match attempt(left.min(self.timeouts.answer)).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let pause = with_jitter(self.timeouts.first_pause * 2_u32.pow(tries - 1));
            let fits = deadline
                .checked_sub(pause)
                .is_some_and(|deadline| self.leaves_time_to_connect(deadline));
            if tries >= policy.tries || !fits || !(policy.again)(&failure) {
                return Err(failure);
            }
            sleep(pause).await;
            tries += 1;
        }
    }
}

fn url(config: &TwilioConfig, segments: &[&str]) -> Url {
    let mut url = config.api_base_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty()
            .extend(["2010-04-01", "Accounts"])
            .extend(segments);
    }
    url
}

fn with_credentials(request: RequestBuilder, config: &TwilioConfig) -> RequestBuilder {
    let (user, password) = match (&config.api_key, config.auth_tokens.first()) {
        (Some((sid, secret)), _) => (sid, Some(secret)),
        (None, token) => (&config.account_sid, token),
    };
    request.basic_auth(user, password.map(ExposeSecret::expose_secret))
}

/// Each request has a connection of its own: one that has idled while its environment was frozen may be dead, and
/// then nobody knows whether the request arrived.
fn client(tls: ClientConfig, timeouts: &Timeouts) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .referer(false)
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .connect_timeout(timeouts.connect)
        .user_agent(concat!("outdial/", env!("CARGO_PKG_VERSION")))
}

/// Twilio sends to a store of audio. The client keeps our credentials from every other host by itself.
fn media_redirects(insecure: bool) -> Policy {
    Policy::custom(move |attempt| {
        match refused_redirect(attempt.previous().len(), attempt.url(), insecure) {
            Some(reason) => attempt.error(reason),
            None => attempt.follow(),
        }
    })
}

/// `insecure`: the API itself is spoken to without TLS, as a simulator on this machine is.
fn refused_redirect(visited: usize, next: &Url, insecure: bool) -> Option<&'static str> {
    if visited > REDIRECTS_MAX {
        Some("too many redirects")
    } else if next.scheme() == "https" || insecure {
        None
    } else {
        Some("a redirect to what is not https")
    }
}

/// The pause, longer by up to itself: callers that were refused together do not come back together.
fn with_jitter(pause: Duration) -> Duration {
    let [chance, ..] = Uuid::new_v4().into_bytes();
    pause + pause * u32::from(chance) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_https_and_at_most_three_times() {
        let https = Url::parse("https://media.example.com/a").unwrap();
        let http = Url::parse("http://media.example.com/a").unwrap();
        assert_eq!(refused_redirect(3, &https, false), None);
        assert!(refused_redirect(4, &https, false).is_some());
        assert!(refused_redirect(1, &http, false).is_some());
        assert_eq!(refused_redirect(1, &http, true), None);
    }

    #[test]
    fn a_pause_grows_by_up_to_itself() {
        let pause = Duration::from_millis(100);
        for _ in 0..1_000 {
            let longer = with_jitter(pause);
            assert!((pause..=pause * 2).contains(&longer), "{longer:?}");
        }
    }

    #[test]
    fn names_cannot_lead_out_of_the_account() {
        let config = TwilioConfig {
            account_sid: "AC1".to_owned(),
            auth_tokens: vec!["token".into()],
            api_key: None,
            api_base_url: Url::parse("https://api.example.com/proxy/").unwrap(),
        };
        let rest = Rest::new((&config).into(), Timeouts::default()).unwrap();
        assert_eq!(
            rest.resource(&["Calls", "//evil.example.com/?x#y.json"])
                .as_str(),
            "https://api.example.com/proxy/2010-04-01/Accounts/AC1/Calls/%2F%2Fevil.example.com%2F%3Fx%23y.json"
        );
        assert_eq!(
            rest.follow("/2010-04-01/Accounts/AC1/Calls.json?Page=1")
                .unwrap()
                .as_str(),
            "https://api.example.com/proxy/2010-04-01/Accounts/AC1/Calls.json?Page=1"
        );
        for elsewhere in [
            "//evil.example.com/2010-04-01/",
            "https://evil.example.com/",
            "",
        ] {
            assert!(rest.follow(elsewhere).is_err());
        }
        assert_eq!(
            rest.account().as_str(),
            "https://api.example.com/proxy/2010-04-01/Accounts/AC1.json"
        );
    }
}
