//! Clocks: URLs of audio last five minutes by them, and AWS takes no request that is as old.

use chrono::{DateTime, TimeDelta, Utc};
use outdial::config::Settings;
use reqwest::Client;

use super::finding::{Finding, Verdict, failed, skipped};
use super::needed;
use super::service::health;

/// How much clocks may differ: answers take a while, and their dates have whole seconds.
const TOLERANCE: TimeDelta = TimeDelta::seconds(10);

pub async fn check(settings: &Settings, http: &Client, api: Option<&str>) -> Vec<Finding> {
    let (twilio, functions) = tokio::join!(
        Finding::of("clock against Twilio's", async {
            let url = needed(settings.twilio())?.api_base_url;
            let asked = http.get(url).send().await;
            let answer = asked.map_err(|_| skipped("Twilio is not reached"))?;
            let date = answer
                .headers()
                .get("date")
                .and_then(|date| date.to_str().ok());
            let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
            compare(
                date.ok_or_else(|| skipped("its answer has no date"))?
                    .to_utc(),
                Utc::now(),
            )
        }),
        Finding::of("clock against the functions'", async {
            let told = health(http, api).await;
            let told = told.map_err(|_| skipped("health does not tell theirs"))?;
            let time = told["timestamp"]
                .as_str()
                .and_then(|time| time.parse().ok());
            compare(
                time.ok_or_else(|| skipped("health tells no time"))?,
                Utc::now(),
            )
        }),
    );
    vec![twilio, functions]
}

fn compare(theirs: DateTime<Utc>, ours: DateTime<Utc>) -> Result<String, Verdict> {
    let ahead = ours - theirs;
    if ahead.abs() <= TOLERANCE {
        return Ok(format!("within {} s", TOLERANCE.num_seconds()));
    }
    let way = if ahead > TimeDelta::zero() {
        "ahead"
    } else {
        "behind"
    };
    Err(failed(
        format!("this machine is {} s {way}", ahead.abs().num_seconds()),
        "set its clock: what it signs is refused otherwise, URLs of audio and requests to AWS",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_differ_by_some_seconds() {
        let now = Utc::now();
        for (seconds, told) in [
            (0, None),
            (10, None),
            (-10, None),
            (11, Some("11 s ahead")),
            (-400, Some("400 s behind")),
        ] {
            let finding = Finding::new("clock", compare(now, now + TimeDelta::seconds(seconds)));
            assert_eq!(finding.has_failed(), told.is_some());
            assert!(
                finding.to_string().contains(told.unwrap_or("within 10 s")),
                "{finding}"
            );
        }
    }
}
