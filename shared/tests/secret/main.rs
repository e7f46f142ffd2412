//! The secret of `SECRET_ID`: read in the init phase of a real process, and again when it may have changed.
//!
//! The test binary runs itself as that process. There, [`function`] fails with its configuration as the message, and [`refresher`]
//! asks for renewed tokens.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod init_phase;
mod refresh;
mod support;

use std::time::Duration;

use outdial::config::{RefreshPolicy, RefreshReason, Settings};
use secrecy::ExposeSecret;
use serde_json::json;

/// The variable that selects what the process does.
const ROLE: &str = "OUTDIAL_TEST_ROLE";

/// Runs a function that fails with its configuration as the message. Does nothing without the variable [`ROLE`].
#[tokio::test]
async fn function() {
    if std::env::var(ROLE).as_deref() != Ok("function") {
        return;
    }
    let _ = outdial::boot::run("function", |settings: Settings| async move {
        let twilio = settings.twilio()?;
        let mongo = settings.mongo()?;
        let token = twilio.auth_tokens[0].expose_secret();
        Err(format!(
            "account {} token {token} uri {} database {}",
            twilio.account_sid,
            mongo.uri.expose_secret(),
            mongo.database
        )
        .into())
    })
    .await;
}

/// Asks for renewed tokens in each of [`ROUNDS`], and prints them. Does nothing without the variable [`ROLE`].
#[tokio::test]
async fn refresher() {
    let zero = Duration::ZERO;
    let (policy, reasons) = match std::env::var(ROLE).as_deref() {
        Ok("stranger") => (RefreshPolicy::default(), &[RefreshReason::Unknown][..]),
        Ok("everybody") => (
            RefreshPolicy::default(),
            &[RefreshReason::Unknown, RefreshReason::Refused][..],
        ),
        Ok("impatient") => (
            RefreshPolicy {
                max_age: zero,
                after_failure: zero,
                unknown: zero,
                refused: zero,
            },
            &[RefreshReason::Unknown, RefreshReason::Refused][..],
        ),
        _ => return,
    };
    outdial::tls::install_provider();
    let variables = std::env::vars().map(|(name, value)| (name, value.into()));
    let settings = Settings::with_secret(variables.collect(), policy)
        .await
        .unwrap();
    let tokens = settings.reloadable(Settings::webhook_tokens).unwrap();
    for _ in 0..ROUNDS {
        settings.secret().unwrap().keep_fresh().await;
        for reason in reasons {
            let seen = tokens.current();
            let renewed = tokens.renewed(&seen, *reason).await;
            let token = renewed.as_ref().map(|tokens| tokens[0].expose_secret());
            println!("{}", json!({ "level": "REFRESH", "renewed": token }));
        }
    }
}

const ROUNDS: usize = 20;
