//! Sends requests to Twilio: URLs, connections and credentials.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, ClientBuilder, Method, Proxy, RequestBuilder, Response, StatusCode, redirect::Policy,
};
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{
    BuildError, Timeouts,
    attempt::{
        Failure, RetryPolicy, UNREADABLE, accepted, answered, body, leaves_time_to_connect,
        retried, send,
    },
};
use crate::{
    config::{RefreshReason, Reloadable, TwilioConfig},
    tls,
};

const REDIRECTS_MAX: usize = 3;

/// The HTTP clients, and the credentials of the account.
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
        proxies: &[Proxy],
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
            http: client(tls.clone(), &timeouts, proxies)
                .redirect(Policy::none())
                .build()?,
            media: client(tls, &timeouts, proxies)
                .redirect(media_redirects(insecure))
                .read_timeout(timeouts.response)
                .build()?,
            config: reloadable,
            timeouts,
        })
    }

    /// Returns whether requests authenticate with an API key.
    pub fn has_api_key(&self) -> bool {
        self.config.current().api_key.is_some()
    }

    /// The URL of the account.
    pub fn account(&self) -> Url {
        let config = self.config.current();
        url(&config, &[&format!("{}.json", config.account_sid)])
    }

    /// The URL of a resource of the account. Each segment stays one segment of the path, whatever it contains.
    pub fn resource(&self, segments: &[&str]) -> Url {
        let config = self.config.current();
        url(
            &config,
            &[&[config.account_sid.as_str()], segments].concat(),
        )
    }

    /// The URL of a resource of the API for transcripts.
    pub fn intelligence(&self, segments: &[&str]) -> Url {
        let mut url = self.config.current().intelligence_base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v2").extend(segments);
        }
        url
    }

    /// The URL of a list's next page in the API for transcripts, from Twilio's response. The host stays the same.
    pub fn follow_intelligence(&self, next: &str) -> Result<Url, Failure> {
        let base = &self.config.current().intelligence_base_url;
        let prefix = base.path().trim_end_matches('/');
        let next = Url::parse(next).map_err(|_| Failure::Unusable(UNREADABLE))?;
        let (path, query) = (next.path(), next.query().unwrap_or_default());
        path.starts_with("/v2/")
            .then(|| base.join(&format!("{prefix}{path}?{query}")).ok())
            .flatten()
            .ok_or(Failure::Unusable(UNREADABLE))
    }

    /// The URL of a list's next page, from its path in Twilio's response. The host stays the same.
    pub fn follow(&self, path: &str) -> Result<Url, Failure> {
        let api = &self.config.current().api_base_url;
        let prefix = api.path().trim_end_matches('/');
        path.starts_with("/2010-04-01/")
            .then(|| api.join(&format!("{prefix}{path}")).ok())
            .flatten()
            .ok_or(Failure::Unusable(UNREADABLE))
    }

    /// Sends a request, and returns the body of a 2xx response.
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
            async move { body(accepted(send(request).await?).await?).await }
        })
        .await
    }

    /// Sends a GET request, follows redirects, and returns the response before its body if its status is in `wanted`.
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
                let response = timeout(limit, send(request))
                    .await
                    .map_err(|_| Failure::Lost("Twilio did not respond in time".to_owned()))??;
                if wanted.contains(&response.status()) {
                    return Ok(response);
                }
                let response = accepted(response).await?;
                Err(Failure::Lost(answered(response.status())))
            }
        })
        .await
    }

    /// Makes attempts by the policy. If Twilio rejects our credentials (401), and the secret has new ones, does so once more
    /// within the same time.
    ///
    /// That is safe, because a request with rejected credentials has had no effect.
    async fn authorized<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        policy: RetryPolicy,
        attempt: impl Fn(&TwilioConfig, Duration) -> F,
    ) -> Result<T, Failure> {
        let deadline = Instant::now() + policy.budget;
        let config = self.config.current();
        let result = retried(policy, &self.timeouts, deadline, |limit| {
            attempt(&config, limit)
        })
        .await;
        let is_rejected =
            matches!(&result, Err(Failure::Refused(refusal)) if refusal.http_status == Some(401));
        if !is_rejected {
            return result;
        }
        match self.renewed(&config).await {
            Some(renewed) if leaves_time_to_connect(&self.timeouts, deadline) => {
                retried(policy, &self.timeouts, deadline, |limit| {
                    attempt(&renewed, limit)
                })
                .await
            }
            _ => result,
        }
    }

    /// New credentials of the same account, whose SID is part of the URLs.
    async fn renewed(&self, refused: &Arc<TwilioConfig>) -> Option<Arc<TwilioConfig>> {
        let renewed = self.config.renewed(refused, RefreshReason::Refused).await?;
        (renewed.account_sid == refused.account_sid).then_some(renewed)
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

/// A client that opens a new connection for each request.
///
/// A connection may have died while its environment was frozen. A request over it would have an unknown outcome.
fn client(tls: ClientConfig, timeouts: &Timeouts, proxies: &[Proxy]) -> ClientBuilder {
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .referer(false)
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(0)
        .connect_timeout(timeouts.connect)
        .user_agent(concat!("outdial/", env!("CARGO_PKG_VERSION")));
    proxies
        .iter()
        .fold(client, |client, proxy| client.proxy(proxy.clone()))
}

/// The policy for redirects to the store of audio. The HTTP client itself sends our credentials to no other host.
fn media_redirects(insecure: bool) -> Policy {
    Policy::custom(move |attempt| {
        match refused_redirect(attempt.previous().len(), attempt.url(), insecure) {
            Some(reason) => attempt.error(reason),
            None => attempt.follow(),
        }
    })
}

/// Why a redirect is not followed, or `None`. `insecure` means that the API itself has no TLS, like a local simulator.
fn refused_redirect(visited: usize, next: &Url, insecure: bool) -> Option<&'static str> {
    if visited > REDIRECTS_MAX {
        Some("too many redirects")
    } else if next.scheme() == "https" || insecure {
        None
    } else {
        Some("a redirect to a URL without https")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_https_and_at_most_three() {
        let https = Url::parse("https://media.example.com/a").unwrap();
        let http = Url::parse("http://media.example.com/a").unwrap();
        assert_eq!(refused_redirect(3, &https, false), None);
        assert!(refused_redirect(4, &https, false).is_some());
        assert!(refused_redirect(1, &http, false).is_some());
        assert_eq!(refused_redirect(1, &http, true), None);
    }

    #[test]
    fn ids_stay_inside_the_account() {
        let config = TwilioConfig {
            account_sid: "AC1".to_owned(),
            auth_tokens: vec!["token".into()],
            api_key: None,
            api_base_url: Url::parse("https://api.example.com/proxy/").unwrap(),
            intelligence_base_url: Url::parse("https://words.example.com/proxy/").unwrap(),
        };
        let rest = Rest::new((&config).into(), Timeouts::default(), &[]).unwrap();
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
        assert_eq!(
            rest.intelligence(&["Transcripts", "../?x#y"]).as_str(),
            "https://words.example.com/proxy/v2/Transcripts/..%2F%3Fx%23y"
        );
        let next = "https://evil.example.com/v2/Transcripts/GT1/Sentences?Page=1";
        assert_eq!(
            rest.follow_intelligence(next).unwrap().as_str(),
            "https://words.example.com/proxy/v2/Transcripts/GT1/Sentences?Page=1"
        );
        for elsewhere in ["/v2/Transcripts", "https://evil.example.com/v1/", ""] {
            assert!(rest.follow_intelligence(elsewhere).is_err());
        }
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
