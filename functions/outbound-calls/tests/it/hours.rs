use chrono::{DateTime, NaiveTime, TimeDelta, Timelike, Utc};
use mongodb::bson::{Document, doc, oid::ObjectId};
use testkit::Answer;

use crate::support::{Api, text};

/// Hours that begin and end so many hours from now, UTC.
fn hours_from_now(begin: i64, end: i64) -> String {
    let now = Utc::now();
    let [begin, end] =
        [begin, end].map(|hours| (now + TimeDelta::hours(hours)).format("%H:%M").to_string());
    format!("{begin}-{end}")
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

/// When the refusal says that the number may be called.
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
async fn outside_the_hours_nobody_is_called_and_the_next_allowed_time_is_told() {
    let hours = hours_from_now(2, 4);
    let api = with_hours(&hours, "").await;
    let answer = api.post_with_key("k", &api.body()).await;
    let next = next_of(&answer);
    let opens: NaiveTime = hours[..5].parse().unwrap();
    assert_eq!(next.time(), opens);
    assert!(next - Utc::now() <= TimeDelta::hours(2));
    let detail = text(&answer.json()["detail"]);
    let told = format!(
        "from {hours} in UTC; the next allowed time is {}",
        next.to_rfc3339()
    );
    assert!(detail.contains(&told), "{detail} should tell {told}");
    api.assert_untouched().await;
    api.assert_counted(0).await;
}

#[tokio::test]
async fn within_the_hours_and_without_any_people_are_called() {
    for hours in [
        hours_from_now(-2, 2),
        "00:00-24:00".to_owned(),
        String::new(),
    ] {
        let api = with_hours(&hours, "").await;
        let answer = api.post(&api.body()).await;
        assert_eq!(answer.status, 201, "{hours}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_users_clocks_go_before_the_default_ones() {
    // Where it is six hours earlier: 12:00 UTC is 06:00.
    let west = "Etc/GMT+6";
    let now = Utc::now();
    let api = with_hours(&hours_from_now(-2, 2), "").await;
    move_user(&api, west).await;
    let answer = api.post(&api.body()).await;
    let next = next_of(&answer);
    let detail = text(&answer.json()["detail"]);
    assert!(
        detail.contains(west) && detail.contains("-06:00"),
        "{detail}"
    );
    let opens = (now - TimeDelta::hours(2) + TimeDelta::hours(6)).time();
    assert_eq!((next.hour(), next.minute()), (opens.hour(), opens.minute()));

    let api = with_hours(&hours_from_now(-8, -4), "").await;
    next_of(&api.post(&api.body()).await);
    move_user(&api, west).await;
    assert_eq!(api.post(&api.body()).await.status, 201);
}

#[tokio::test]
async fn the_default_clocks_are_those_of_the_configuration() {
    let api = with_hours(&hours_from_now(-8, -4), "Etc/GMT+6").await;
    assert_eq!(api.post(&api.body()).await.status, 201);
    move_user(&api, "UTC").await;
    next_of(&api.post(&api.body()).await);
}

#[tokio::test]
async fn a_repeat_is_answered_outside_the_hours() {
    let api = Api::new().await;
    assert_eq!(api.post_with_key("k", &api.body()).await.status, 201);
    let stage = api
        .stage
        .clone()
        .set("CALLING_HOURS", &hours_from_now(2, 4));
    let later = crate::support::router(&stage);
    let request = crate::support::with_key("k", &api.body());
    let repeat = request.send(&later).await;
    assert_eq!(repeat.status, 201, "{}", repeat.text());
    assert_eq!(repeat.header("idempotent-replayed"), "true");
}
