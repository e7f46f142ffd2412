//! Tests calling hours in the zones of the user and of the number.

use chrono::{DateTime, NaiveTime, TimeDelta, Timelike, Utc};
use mongodb::bson::{Document, doc, oid::ObjectId};
use outdial::domain::{CallingCalendar, Holidays, TimeZone};
use serde_json::{Value, json};
use testkit::Answer;

use crate::support::{Api, QUEUED, text};

/// A number in New York.
const NEW_YORK: &str = QUEUED;
/// A toll-free number, which may be anywhere in North America.
const TOLL_FREE: &str = "+18005550109";

/// Returns calling hours relative to now, in UTC.
fn hours_from_now(begin: i64, end: i64) -> String {
    hours_around("UTC", begin, end)
}

/// Returns calling hours relative to now, in local time of the zone.
fn hours_around(zone: &str, begin: i64, end: i64) -> String {
    let now = local(zone, Utc::now());
    let [begin, end] =
        [begin, end].map(|hours| (now + TimeDelta::hours(hours)).format("%H:%M").to_string());
    format!("{begin}-{end}")
}

fn local(zone: &str, at: DateTime<Utc>) -> DateTime<chrono::FixedOffset> {
    let zone: TimeZone = zone.parse().unwrap();
    zone.clocks().unwrap().show(at).unwrap()
}

/// Returns true if the hours allow a call at this time in this zone.
fn allow(hours: &str, zone: &str, at: DateTime<Utc>) -> bool {
    let hours = Some(hours.parse().unwrap());
    let calendar = CallingCalendar::new(hours, Holidays::default()).unwrap();
    calendar.contain(local(zone, at))
}

async fn with_hours(hours: &str, default_zone: &str) -> Api {
    Api::with(|stage| {
        stage
            .set("CALLING_HOURS", hours)
            .set("DEFAULT_TIME_ZONE", default_zone)
    })
    .await
}

async fn move_user(api: &Api, zone: &str) {
    let users = api.stage.database().collection::<Document>("users");
    let this = doc! { "_id": ObjectId::parse_str(&api.user).unwrap() };
    let change = doc! { "$set": { "time_zone": zone } };
    users.update_one(this, change).await.unwrap();
}

/// Returns the refusal's `next_allowed_at`.
#[track_caller]
fn next_of(answer: &Answer) -> DateTime<Utc> {
    answer.assert_problem(422, "outside_calling_hours");
    assert_eq!(answer.fields(), ["to_number"]);
    let next = text(&answer.json()["next_allowed_at"]);
    assert_eq!(next.len(), "2026-01-01T00:00:00.000Z".len(), "{next}");
    let next: DateTime<Utc> = next.parse().unwrap();
    let wait = (next - Utc::now()).num_seconds();
    let seconds: i64 = answer.header("retry-after").parse().unwrap();
    assert!(
        wait > 0 && (wait..=wait + 60).contains(&seconds),
        "{seconds}"
    );
    next
}

#[tokio::test]
async fn refusal_outside_the_hours_has_the_next_allowed_time() {
    let hours = hours_from_now(2, 4);
    let api = with_hours(&hours, "").await;
    let answer = api.post_with_key("k", &api.body_to(TOLL_FREE)).await;
    let next = next_of(&answer);
    let opens: NaiveTime = hours[..5].parse().unwrap();
    assert_eq!(next.time(), opens);
    assert!(next - Utc::now() <= TimeDelta::hours(2));
    let detail = text(&answer.json()["detail"]);
    let told = format!(
        "within {hours} in UTC; the next allowed time is {}",
        next.to_rfc3339()
    );
    assert!(detail.contains(&told), "{detail} should tell {told}");
    api.assert_untouched().await;
    api.assert_counted(0).await;
}

#[tokio::test]
async fn call_within_the_hours_or_without_hours_is_placed() {
    for hours in [
        hours_from_now(-2, 2),
        "00:00-24:00".to_owned(),
        String::new(),
    ] {
        let api = with_hours(&hours, "").await;
        let answer = api.post(&api.body_to(TOLL_FREE)).await;
        assert_eq!(answer.status, 201, "{hours}: {}", answer.text());
    }
}

#[tokio::test]
async fn call_on_a_closed_day_is_refused_until_the_next_open_one() {
    let now = Utc::now();
    let day = |ahead: i64| now + TimeDelta::days(ahead);
    let date = |ahead: i64| day(ahead).format("%F").to_string();
    // Tomorrow too, so that the test may run over midnight.
    let holidays = [date(0), day(1).format("%m-%d").to_string()].join(", ");
    let in_three_days = day(3).format("%a").to_string();
    let weekday = format!("{} 00:00-24:00", &in_three_days[..2]);
    for (hours, holidays, opens, told) in [
        (
            "off",
            holidays.as_str(),
            2,
            "within 00:00-24:00 except on holidays",
        ),
        (weekday.as_str(), "", 3, weekday.as_str()),
        (weekday.as_str(), &date(3), 10, "except on holidays"),
    ] {
        let api =
            Api::with(|stage| stage.set("CALLING_HOURS", hours).set("HOLIDAYS", holidays)).await;
        let answer = api.post_with_key("k", &api.body_to(TOLL_FREE)).await;
        let next = next_of(&answer);
        assert_eq!(next.to_rfc3339(), format!("{}T00:00:00+00:00", date(opens)));
        let detail = text(&answer.json()["detail"]);
        assert!(detail.contains(told), "{detail} should tell {told}");
        api.assert_untouched().await;
        api.assert_counted(0).await;
    }
}

#[tokio::test]
async fn user_time_zone_precedes_the_default() {
    // Six hours behind UTC: 12:00 UTC is 06:00.
    let west = "Etc/GMT+6";
    let now = Utc::now();
    let api = with_hours(&hours_from_now(-2, 2), "").await;
    move_user(&api, west).await;
    let answer = api.post(&api.body_to(TOLL_FREE)).await;
    let next = next_of(&answer);
    let detail = text(&answer.json()["detail"]);
    assert!(
        detail.contains(west) && detail.contains("-06:00"),
        "{detail}"
    );
    let opens = (now - TimeDelta::hours(2) + TimeDelta::hours(6)).time();
    assert_eq!((next.hour(), next.minute()), (opens.hour(), opens.minute()));

    let api = with_hours(&hours_from_now(-8, -4), "").await;
    next_of(&api.post(&api.body_to(TOLL_FREE)).await);
    move_user(&api, west).await;
    assert_eq!(api.post(&api.body_to(TOLL_FREE)).await.status, 201);
}

#[tokio::test]
async fn default_time_zone_is_configurable() {
    let api = with_hours(&hours_from_now(-8, -4), "Etc/GMT+6").await;
    assert_eq!(api.post(&api.body_to(TOLL_FREE)).await.status, 201);
    move_user(&api, "UTC").await;
    next_of(&api.post(&api.body_to(TOLL_FREE)).await);
}

/// Tokyo is 13 or 14 hours ahead of New York.
const TOKYO: &str = "Asia/Tokyo";

async fn in_tokyo(hours: &str, countries: &str) -> Api {
    let api = Api::with(|stage| {
        stage
            .set("CALLING_HOURS", hours)
            .set("ALLOWED_COUNTRIES", countries)
            .set("DEFAULT_TIME_ZONE", TOKYO)
    })
    .await;
    move_user(&api, TOKYO).await;
    api
}

#[tokio::test]
async fn hours_apply_in_the_zone_of_the_number_too() {
    let hours = hours_around(TOKYO, -4, 9);
    let api = in_tokyo(&hours, "US").await;
    let answer = api.post(&api.body_to(NEW_YORK)).await;
    let next = next_of(&answer);
    for zone in [TOKYO, "America/New_York"] {
        assert!(allow(&hours, zone, next), "{zone} at {next}");
    }
    let detail = text(&answer.json()["detail"]);
    assert!(
        detail.contains("America/New_York") && !detail.contains(TOKYO),
        "{detail}"
    );
    api.assert_untouched().await;
    api.assert_counted(0).await;
    // Without a zone of the user, the number's zone decides.
    let users = api.stage.database().collection::<Document>("users");
    let gone = doc! { "$unset": { "time_zone": "" } };
    users.update_many(doc! {}, gone).await.unwrap();
    let next = next_of(&api.post(&api.body_to(NEW_YORK)).await);
    assert!(allow(&hours, "America/New_York", next));
    assert!(!allow(
        &hours,
        "America/New_York",
        next - TimeDelta::minutes(1)
    ));
}

#[tokio::test]
async fn every_number_of_a_country_with_one_zone_has_that_zone() {
    let api = in_tokyo(&hours_around(TOKYO, -2, 10), "GB").await;
    for number in ["+442079460018", "+447400123456", "+448081570123"] {
        let answer = api.post(&api.body_to(number)).await;
        next_of(&answer);
        let detail = text(&answer.json()["detail"]);
        assert!(detail.contains("Europe/London"), "{number}: {detail}");
    }
}

#[tokio::test]
async fn country_wide_number_uses_the_users_zone() {
    let api = in_tokyo(&hours_around(TOKYO, -2, 2), "US,AU").await;
    for number in [TOLL_FREE, "+61412345678"] {
        let answer = api.post(&api.body_to(number)).await;
        assert_eq!(answer.status, 201, "{number}: {}", answer.text());
    }
}

#[tokio::test]
async fn zones_without_a_common_minute_are_refused() {
    let api = in_tokyo(&hours_around(TOKYO, -2, 2), "US").await;
    let answer = api.post(&api.body_to(NEW_YORK)).await;
    answer.assert_problem(422, "no_calling_hours");
    assert_eq!(answer.fields(), ["to_number"]);
    assert_eq!(answer.json().get("next_allowed_at"), None::<&Value>);
    assert_eq!(answer.header("retry-after"), "");
    let detail = text(&answer.json()["detail"]);
    assert!(
        detail.contains("America/New_York") && detail.contains(TOKYO),
        "{detail}"
    );
    api.assert_untouched().await;
    let stats = api.get("/stats").await.json();
    assert_eq!(stats["refused"], json!({ "no_calling_hours": 1 }));
}

#[tokio::test]
async fn repeat_is_replayed_outside_the_hours() {
    let api = Api::new().await;
    assert_eq!(
        api.post_with_key("k", &api.body_to(TOLL_FREE)).await.status,
        201
    );
    let stage = api
        .stage
        .clone()
        .set("CALLING_HOURS", &hours_from_now(2, 4));
    let later = crate::support::router(&stage);
    let request = crate::support::with_key("k", &api.body_to(TOLL_FREE));
    let repeat = request.send(&later).await;
    assert_eq!(repeat.status, 201, "{}", repeat.text());
    assert_eq!(repeat.header("idempotent-replayed"), "true");
}
