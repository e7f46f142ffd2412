//! HTTP clients for an operator's machine, which may reach the internet through a proxy only.

use std::env;
use std::time::Duration;

use outdial::config::TwilioConfig;
use outdial::twilio::TwilioClient;
use reqwest::redirect::Policy;
use reqwest::{Client, NoProxy, Proxy};

use crate::error::Result;

/// Hosts that are never reached through a proxy: a local stack is on this machine.
const THIS_MACHINE: &str = "127.0.0.1,::1,localhost";

/// Makes a client that honours the proxies and follows no redirect, so that a check sees the first response.
///
/// # Errors
///
/// If a proxy's variable is malformed, or TLS can't be set up.
pub fn client() -> Result<Client> {
    let client = Client::builder()
        .tls_backend_preconfigured(outdial::tls::client_config()?)
        .redirect(Policy::none())
        .timeout(Duration::from_mins(1));
    let proxies = proxies()?.into_iter();
    Ok(proxies
        .fold(client.no_proxy(), reqwest::ClientBuilder::proxy)
        .build()?)
}

/// Makes a client of this Twilio account that honours the proxies.
///
/// # Errors
///
/// If a proxy's variable is malformed, or the account has no credentials.
pub fn twilio(config: &TwilioConfig) -> Result<TwilioClient> {
    Ok(TwilioClient::with_proxies(config, &proxies()?)?)
}

/// A function that builds a proxy from its URL.
type MakeProxy = fn(String) -> reqwest::Result<Proxy>;

/// Returns the proxies that the environment names, as curl reads it: `https_proxy`, `http_proxy` and `all_proxy`, in capitals
/// too except `HTTP_PROXY`, and without the hosts in `no_proxy`.
fn proxies() -> Result<Vec<Proxy>> {
    let excluded = variable(&["no_proxy", "NO_PROXY"]).map(|(_, hosts)| hosts);
    let excluded = format!("{THIS_MACHINE},{}", excluded.unwrap_or_default());
    let kinds: [(&[&str], MakeProxy); 3] = [
        (&["https_proxy", "HTTPS_PROXY"], Proxy::https),
        (&["http_proxy"], Proxy::http),
        (&["all_proxy", "ALL_PROXY"], Proxy::all),
    ];
    let mut proxies = Vec::new();
    for (names, proxy) in kinds {
        let Some((name, url)) = variable(names) else {
            continue;
        };
        let proxy = proxy(url).map_err(|_| {
            format!("{name} is malformed: it must be a proxy's URL, such as http://proxy.example.com:3128")
        })?;
        proxies.push(proxy.no_proxy(NoProxy::from_string(&excluded)));
    }
    Ok(proxies)
}

/// The first of these variables that is set, with its value.
fn variable<'a>(names: &[&'a str]) -> Option<(&'a str, String)> {
    names.iter().find_map(|&name| {
        let value = env::var(name).ok()?;
        (!value.is_empty()).then_some((name, value))
    })
}
