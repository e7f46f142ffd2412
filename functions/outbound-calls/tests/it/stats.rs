//! Tests `GET /stats`: counts of calls and refusals.

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::Dao,
    domain::CallStatus::{self, Busy, Completed, NoAnswer, Ringing},
};
use serde_json::{Value, json};
use testkit::Request;

use crate::support::{Api, post, text};

async fn stats(api: &Api, query: &str) -> Value {
    let answer = api.get(&format!("/stats{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn store(api: &Api, at: &str, status: CallStatus, duration: Option<i64>) {
    api.stage
        .call(|call| {
            call.created_at = DateTime::parse_rfc3339_str(at).unwrap();
            call.status = status;
            call.duration_seconds = duration;
        })
        .await;
}

#[tokio::test]
async fn calls_are_counted_in_buckets_and_in_total() {
    let api = Api::new().await;
    for (at, status, duration) in [
        ("2026-01-02T03:04:04.999Z", Busy, None),
        ("2026-01-02T03:04:05Z", Completed, Some(7)),
        ("2026-01-02T03:04:59Z", Completed, Some(10)),
        ("2026-01-02T03:10:00Z", NoAnswer, None),
        ("2026-01-02T03:12:00Z", Ringing, None),
        ("2026-01-02T03:15:00Z", Busy, None),
    ] {
        store(&api, at, status, duration).await;
    }
    let query = "?from=2026-01-02T03:04:05Z&to=2026-01-02T03:15:00.000Z";
    let expected = json!({
        "from": "2026-01-02T03:04:05.000Z",
        "to": "2026-01-02T03:15:00.000Z",
        "bucket_seconds": 300,
        "total": 4,
        "by_status": { "completed": 2, "no-answer": 1, "ringing": 1 },
        "by_result": {},
        "other_results": 0,
        "buckets": [
            { "start": "2026-01-02T03:00:00.000Z", "by_status": { "completed": 2 } },
            { "start": "2026-01-02T03:05:00.000Z", "by_status": {} },
            { "start": "2026-01-02T03:10:00.000Z", "by_status": { "no-answer": 1, "ringing": 1 } },
        ],
        "answer_rate": 2.0 / 3.0,
        "median_duration_seconds": 8.5,
        "refused": {},
        "truncated": false,
    });
    assert_eq!(stats(&api, query).await, expected);
}

#[tokio::test]
async fn default_range_is_the_last_day() {
    let api = Api::new().await;
    api.stage.call(|call| call.status = Ringing).await;
    let before = DateTime::now();
    let told = stats(&api, "").await;
    let [from, to] = ["from", "to"].map(|field| {
        let at = DateTime::parse_rfc3339_str(text(&told[field])).unwrap();
        at.timestamp_millis()
    });
    assert_eq!(to - from, 24 * 3_600 * 1_000);
    assert_eq!(to % 60_000, 0);
    assert!(
        (1..=60_500).contains(&(to - before.timestamp_millis())),
        "{told}"
    );
    assert_eq!(told["bucket_seconds"], 3_600);
    assert!((24..=25).contains(&told["buckets"].as_array().unwrap().len()));
    assert_eq!(told["by_status"], json!({ "ringing": 1 }));
    assert_eq!(told["answer_rate"], Value::Null);
    assert_eq!(told["median_duration_seconds"], Value::Null);

    let until = stats(&api, "?to=2026-01-02T03:04:05Z").await;
    assert_eq!(until["from"], "2026-01-01T03:04:05.000Z");
}

#[tokio::test]
async fn invalid_or_long_range_is_named() {
    let api = Api::new().await;
    for (query, fields) in [
        ("from=yesterday&to=tomorrow", &["from", "to"][..]),
        ("from=2026-01-02", &["from"]),
        (
            "from=2026-01-02T00:00:00Z&to=2026-01-02T00:00:00Z",
            &["from"],
        ),
        (
            "from=2026-01-02T00:00:00Z&to=2026-02-02T00:00:00.001Z",
            &["from"],
        ),
        ("from=2020-01-02T00:00:00Z", &["from"]),
        ("from=9999-12-31T23:59:59Z", &["from"]),
    ] {
        let request = Request::get(&format!("/stats?{query}"));
        let answer = request.send(&api.router).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), fields, "{query}");
    }
    let month = "?from=2026-01-02T00:00:00Z&to=2026-02-02T00:00:00Z";
    assert_eq!(stats(&api, month).await["bucket_seconds"], 86_400);
}

#[tokio::test]
async fn statistics_need_the_scope_to_read_calls() {
    let api = Api::with(|stage| {
        let keys = testkit::api_key("users", testkit::API_KEY, "users:read+calls:write");
        stage.set("API_KEYS", &keys)
    })
    .await;
    let refused = Request::get("/stats").send(&api.router).await;
    refused.assert_problem(403, "missing_scope");
    let stranger = Request::new("GET", "/stats").send(&api.router).await;
    stranger.assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn each_refusal_is_counted_by_code() {
    let api = Api::with(|stage| {
        stage
            .set("MAX_CALLS_PER_USER_PER_DAY", "1")
            .set("BLOCKED_NUMBERS", "+12125550124")
    })
    .await;
    for (to, code) in [
        (testkit::FROM_NUMBER, "own_number"),
        ("+11235550123", "number_not_valid"),
        ("+19002345678", "number_type_not_allowed"),
        ("+442079460018", "country_not_allowed"),
        ("+12125550124", "number_blocked"),
        ("+12125550124", "number_blocked"),
        // Makes room in the cap again.
        ("+15005550001", "twilio_refused"),
    ] {
        let answer = api.post(&api.body_to(to)).await;
        assert_eq!(answer.json()["code"], code, "{to}");
    }
    assert_eq!(api.post(&api.body()).await.status, 201);
    let capped = api.post(&api.body()).await;
    capped.assert_problem(429, "user_daily_cap");
    let dao = Dao::new(&api.stage.settings().mongo().unwrap()).unwrap();
    dao.switch_dialing(false, None, None).await.unwrap();
    let off = api.post(&api.body()).await;
    off.assert_problem(503, "dialing_off");
    let expected = json!({
        "own_number": 1, "number_not_valid": 1, "number_type_not_allowed": 1, "country_not_allowed": 1,
        "number_blocked": 2, "twilio_refused": 1, "user_daily_cap": 1, "dialing_off": 1,
    });
    assert_eq!(stats(&api, "").await["refused"], expected);
}

#[tokio::test]
async fn other_errors_are_not_counted_as_refusals() {
    let api = Api::new().await;
    let blocked = api.body_to(testkit::FROM_NUMBER);
    let stranger = post(&blocked).without("authorization");
    api.send(&stranger)
        .await
        .assert_problem(401, "unauthorized");
    let unknown_key = post(&blocked).with_key("unknown");
    api.send(&unknown_key)
        .await
        .assert_problem(401, "unauthorized");
    let mut nobodys = api.body();
    nobodys["user_id"] = json!("nobody");
    api.post(&nobodys).await.assert_problem(404, "not_found");
    api.post(&json!({}))
        .await
        .assert_problem(422, "validation_failed");
    let counters = api.stage.database().collection::<Document>("counters");
    let refusals = doc! { "_id": { "$regex": "^refused:" } };
    assert_eq!(counters.count_documents(refusals).await.unwrap(), 0);
}

#[tokio::test]
async fn repeat_of_a_refused_request_is_not_counted_again() {
    let api = Api::new().await;
    let refused = api.body_to("+15005550001");
    for _ in 0..3 {
        let answer = api.post_with_key("k", &refused).await;
        answer.assert_problem(422, "twilio_refused");
    }
    assert_eq!(
        stats(&api, "").await["refused"],
        json!({ "twilio_refused": 1 })
    );
}

#[tokio::test]
async fn refusal_is_returned_even_if_it_cannot_be_counted() {
    let api = Api::new().await;
    let counters = api.stage.database().collection::<Document>("counters");
    let today = DateTime::now().try_to_rfc3339_string().unwrap();
    let broken = doc! { "_id": format!("refused:{}", &today[..10]), "by_code": "nothing" };
    counters.insert_one(broken).await.unwrap();
    let answer = api.post(&api.body_to(testkit::FROM_NUMBER)).await;
    answer.assert_problem(422, "own_number");
    let answer = api.post(&api.body_to("+15005550001")).await;
    answer.assert_problem(422, "twilio_refused");
}

/// Returns the stored refusals of the day.
fn day_counter(day: &str, by_code: Document) -> Document {
    doc! { "_id": format!("refused:{day}"), "by_code": by_code }
}

#[tokio::test]
async fn refusals_outside_the_range_are_not_included() {
    let api = Api::new().await;
    let answer = api.post(&api.body_to(testkit::FROM_NUMBER)).await;
    answer.assert_problem(422, "own_number");
    let now = DateTime::now().timestamp_millis();
    let minute = |minutes: i64| {
        let at = DateTime::from_millis(now + minutes * 60_000);
        at.try_to_rfc3339_string().unwrap()
    };
    for (from, to, expected) in [
        (-1, 1, json!({ "own_number": 1 })),
        (-120, 1, json!({ "own_number": 1 })),
        (-1_440, 1, json!({ "own_number": 1 })),
        (-7 * 1_440, 1, json!({ "own_number": 1 })),
        // These ranges are in the same day, and without the time of the refusal.
        (-120, -10, json!({})),
        (10, 120, json!({})),
        (-1_440, -10, json!({})),
    ] {
        let query = format!("?from={}&to={}", minute(from), minute(to));
        assert_eq!(stats(&api, &query).await["refused"], expected, "{query}");
    }
}

/// The documents of an earlier version do not contain the time of a refusal.
#[tokio::test]
async fn refusals_of_an_earlier_version_count_for_whole_days() {
    let api = Api::new().await;
    let counters = api.stage.database().collection::<Document>("counters");
    let stored = day_counter(
        "2026-01-02",
        doc! { "own_number": 2_i64, "daily_cap": 1_i64 },
    );
    counters.insert_one(stored).await.unwrap();
    let all = json!({ "own_number": 2, "daily_cap": 1 });
    for (from, to, expected) in [
        ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", &all),
        ("2026-01-01T12:00:00Z", "2026-01-03T12:00:00Z", &all),
        ("2026-01-02T06:00:00Z", "2026-01-03T06:00:00Z", &json!({})),
    ] {
        let query = format!("?from={from}&to={to}");
        assert_eq!(&stats(&api, &query).await["refused"], expected, "{query}");
    }
}

#[tokio::test]
async fn call_refused_by_twilio_counts_as_refused_and_not_as_failed() {
    let api = Api::new().await;
    let answer = api.post(&api.body_to("+15005550001")).await;
    answer.assert_problem(422, "twilio_refused");
    let told = stats(&api, "").await;
    assert_eq!(told["refused"], json!({ "twilio_refused": 1 }));
    assert_eq!(
        (&told["total"], &told["by_status"]),
        (&json!(0), &json!({}))
    );
    assert_eq!(told["answer_rate"], Value::Null);
    let buckets = told["buckets"].as_array().unwrap();
    assert!(
        buckets
            .iter()
            .all(|bucket| bucket["by_status"] == json!({}))
    );
    // A call that failed for another reason is not a refusal.
    let unreachable = Api::with(|stage| stage.set("TWILIO_API_BASE_URL", "http://127.0.0.1:1"));
    let unreachable = unreachable.await;
    let answer = unreachable.post(&unreachable.body()).await;
    answer.assert_problem(502, "twilio_unreachable");
    let told = stats(&unreachable, "").await;
    assert_eq!(told["by_status"], json!({ "failed": 1 }));
    assert_eq!(told["refused"], json!({}));
}
