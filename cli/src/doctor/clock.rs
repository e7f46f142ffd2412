//! Clocks. Audio URLs last five minutes, and AWS refuses requests whose time is off by more.

use chrono::{DateTime, TimeDelta, Utc};
use outdial::config::Settings;
use reqwest::Client;

use super::finding::{Finding, Verdict, failed, required, skipped};
use super::service::health;

/// How much clocks may differ: responses take a while, and `Date` has whole seconds.
const TOLERANCE: TimeDelta = TimeDelta::seconds(10);

pub async fn check(settings: &Settings, http: &Client, api: Option<&str>) -> Vec<Finding> {
    let (twilio, functions) = tokio::join!(
        Finding::of("clock against Twilio's", async {
            let url = required(settings.twilio())?.api_base_url;
            let response = http.get(url).send().await;
            let response = response.map_err(|_| skipped("Twilio is not reachable"))?;
            let date = response.headers().get("date");
            let date = date.and_then(|date| date.to_str().ok());
            let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
            let date = date.ok_or_else(|| skipped("Twilio's response has no date"))?;
            compare(date.to_utc(), Utc::now())
        }),
        Finding::of("clock against the functions'", async {
            let health = health(http, api).await;
            let health = health.map_err(|_| skipped("GET /health returns no time"))?;
            let time = health["timestamp"].as_str();
            let time = time.and_then(|time| time.parse().ok());
            let time = time.ok_or_else(|| skipped("GET /health returns no time"))?;
            compare(time, Utc::now())
        }),
    );
    vec![twilio, functions]
}

fn compare(theirs: DateTime<Utc>, ours: DateTime<Utc>) -> Result<String, Verdict> {
    let ahead = ours - theirs;
    if ahead.abs() <= TOLERANCE {
        return Ok(format!("within {} s", TOLERANCE.num_seconds()));
    }
    let direction = if ahead > TimeDelta::zero() {
        "ahead"
    } else {
        "behind"
    };
    Err(failed(
        format!(
            "this machine is {} s {direction}",
            ahead.abs().num_seconds()
        ),
        "set its clock: signed audio URLs and signed requests to AWS are refused otherwise",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_ten_seconds() {
        let now = Utc::now();
        for (seconds, fault) in [
            (0, None),
            (10, None),
            (-10, None),
            (11, Some("11 s ahead")),
            (-400, Some("400 s behind")),
        ] {
            let finding = Finding::new("clock", compare(now, now + TimeDelta::seconds(seconds)));
            assert_eq!(finding.has_failed(), fault.is_some());
            assert!(
                finding.to_string().contains(fault.unwrap_or("within 10 s")),
                "{finding}"
            );
        }
    }
}
