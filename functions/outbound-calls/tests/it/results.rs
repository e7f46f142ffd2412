//! Tests lists and statistics of calls by their stored result.

use outdial::domain::{Call, CallStatus};
use serde_json::{Value, json};

use crate::support::{Api, text};

/// Stores a call of the user with this result, in this order of time.
async fn store(api: &Api, user: &str, result: Option<&str>, nth: i64) -> Call {
    let call = api.stage.call(|call| {
        user.clone_into(&mut call.user_id);
        call.status = match result {
            Some("not_reached") => CallStatus::Busy,
            _ => CallStatus::Completed,
        };
        call.stored_result = result.map(str::to_owned);
        call.created_at = mongodb::bson::DateTime::from_millis(1_767_323_045_000 + nth);
    });
    call.await
}

async fn listed(api: &Api, query: &str) -> Vec<String> {
    let answer = api.get(&format!("/calls?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    let calls = page["calls"].as_array().unwrap().iter();
    calls.map(|call| text(&call["call_id"])).collect()
}

#[tokio::test]
async fn calls_are_listed_by_result_with_every_other_filter() {
    let api = Api::new().await;
    let other = api.stage.user().await;
    let results = [Some("confirmed"), Some("not_reached"), None];
    let mut calls = Vec::new();
    for (nth, (user, result)) in (0..).zip(
        [&api.user, &other]
            .into_iter()
            .flat_map(|user| results.map(|result| (user, result))),
    ) {
        calls.push(store(&api, user, result, nth).await);
    }
    // Newest first.
    calls.reverse();
    let statuses = [CallStatus::Completed, CallStatus::Busy];
    for result in ["confirmed", "not_reached", "of_no_call"] {
        for user in [None, Some(&other)] {
            for status in [None, Some(statuses[0]), Some(statuses[1])] {
                for number in [None, Some(calls[0].to_number.as_str())] {
                    let shown = calls.iter().filter(|call| {
                        call.stored_result.as_deref() == Some(result)
                            && user.is_none_or(|user| call.user_id == *user)
                            && status.is_none_or(|status| call.status == status)
                            && number.is_none_or(|number| call.to_number.as_str() == number)
                    });
                    let expected: Vec<_> = shown.map(|call| call.call_id.to_string()).collect();
                    let query = [
                        Some(format!("result={result}")),
                        user.map(|user| format!("user_id={user}")),
                        status.map(|status| format!("status={}", status.as_str())),
                        number.map(|number| format!("to_number={}", number.replace('+', "%2B"))),
                    ];
                    let query: Vec<_> = query.into_iter().flatten().collect();
                    let query = query.join("&");
                    assert_eq!(listed(&api, &query).await, expected, "{query}");
                }
            }
        }
    }
}

#[tokio::test]
async fn list_by_result_is_read_page_by_page() {
    let api = Api::new().await;
    let mut calls = Vec::new();
    for nth in 0..3 {
        calls.push(store(&api, &api.user, Some("confirmed"), nth).await);
        store(&api, &api.user, Some("canceled"), nth).await;
    }
    let first = api.get("/calls?result=confirmed&page_size=2").await.json();
    assert_eq!(first["calls"].as_array().unwrap().len(), 2);
    let cursor = text(&first["next_cursor"]);
    let last = listed(&api, &format!("result=confirmed&cursor={cursor}")).await;
    assert_eq!(last, [calls[0].call_id.to_string()]);
    let foreign = api
        .get(&format!("/calls?result=canceled&cursor={cursor}"))
        .await;
    foreign.assert_problem(422, "validation_failed");
    assert_eq!(foreign.fields(), ["cursor"]);
}

#[tokio::test]
async fn result_that_no_outcome_can_be_is_refused() {
    let api = Api::new().await;
    let long = "a".repeat(33);
    for result in ["", "Confirmed", "hung-up", "1st", "a%20b", "%24gt", &long] {
        let answer = api.get(&format!("/calls?result={result}")).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["result"], "{result}");
    }
}

#[tokio::test]
async fn statistics_count_the_most_frequent_results_each() {
    let api = Api::new().await;
    for nth in 0..24 {
        let result = format!("outcome_{}", nth % 22);
        store(&api, &api.user, Some(&result), nth).await;
    }
    store(&api, &api.user, None, 30).await;
    let query = "/stats?from=2026-01-02T03:04:05Z&to=2026-01-02T03:05:00Z";
    let stats = api.get(query).await.json();
    assert_eq!(stats["total"], 25);
    let by_result = stats["by_result"].as_object().unwrap();
    assert_eq!(by_result.len(), 20);
    assert_eq!(by_result["outcome_0"], 2);
    assert_eq!(by_result["outcome_1"], 2);
    assert_eq!(stats["other_results"], 2);
    let none = api.get("/stats?to=2020-01-02T03:05:00Z").await.json();
    assert_eq!(
        (&none["by_result"], &none["other_results"]),
        (&json!({}), &Value::from(0))
    );
}
