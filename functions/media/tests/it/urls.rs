//! Tests which signed URLs are valid.

use serde_json::json;
use testkit::{API_KEY, ApiDocument, Request, Secret, Stage, secret_with};

use crate::support::{Fixture, signed, signed_by};

#[tokio::test]
async fn expired_or_altered_url_is_403_without_a_request_to_twilio() {
    let theatre = Fixture::start().await;
    let fetched = theatre.fetches().await;
    let good = signed(&theatre.sid, 0);
    let (path, query) = good.split_once('?').unwrap();
    let parts: Vec<_> = query.split('&').collect();
    let other = "RE0123456789abcdef0123456789abcdef";
    let altered = [
        signed(&theatre.sid, 300),
        signed(&theatre.sid, 100_000),
        signed_by("another key", &theatre.sid, 0),
        path.to_owned(),
        format!("{path}?"),
        format!("{path}?{}", parts[0]),
        format!("{path}?{}&{}", parts[0], parts[1]),
        format!("{path}?{}&{}", parts[0], parts[2]),
        format!("{path}?{}&{}", parts[1], parts[2]),
        format!("{path}?{}&{}&signature=", parts[0], parts[1]),
        format!("{good}A"),
        format!("{good}%ff"),
        format!("{good}="),
        good[..good.len() - 1].to_owned(),
        good.replace(&theatre.sid, other),
        good.replace(&theatre.sid, "../../Accounts"),
        good.replace("expires=", "expires=9"),
        good.replace("expires=", "expires=-"),
        good.replace("expires=", "expires=%zz"),
        good.replace("signature=", "signature=_"),
        format!("{path}?recording_sid={other}&{query}"),
    ];
    let document = ApiDocument::new(&outdial::http::openapi::document([media::openapi()]));
    for url in altered {
        let request = Request::new("GET", &url);
        let answer = request.send(&theatre.function).await;
        answer.assert_problem(403, "bad_signature");
        document.check(&request, &answer);
        let with_key = request.with_key(API_KEY).send(&theatre.function).await;
        with_key.assert_problem(403, "bad_signature");
    }
    assert_eq!(theatre.fetches().await, fetched);
}

#[tokio::test]
async fn url_lasts_to_its_last_second() {
    let theatre = Fixture::start().await;
    let answer = Request::new("GET", &signed(&theatre.sid, 290))
        .send(&theatre.function)
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn additional_query_parameters_are_ignored() {
    let theatre = Fixture::start().await;
    let url = format!(
        "{}&utm=1&expires=9999999999&recording_sid=x",
        signed(&theatre.sid, 0)
    );
    let answer = Request::new("GET", &url).send(&theatre.function).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == theatre.audio);
}

#[tokio::test]
async fn url_signed_with_a_new_key_of_the_secret_is_valid() {
    let theatre = Fixture::start().await;
    let stage = Stage::new().await.playing(&theatre.twilio);
    let secret = Secret::holding(&secret_with(&json!({}))).await;
    let settings = stage.settings_by(&secret).await;
    let function = media::router(media::App::from_settings(&settings).unwrap());
    let new = secret_with(&json!({ "MEDIA_SIGNING_KEY": "a-key-of-the-secret" }));
    secret.rotate(&new).await;
    let url = signed_by("a-key-of-the-secret", &theatre.sid, 0);
    let answer = Request::new("GET", &url).send(&function).await;
    assert_eq!(answer.status, 200);
    let old = Request::new("GET", &signed(&theatre.sid, 0));
    assert_eq!(old.send(&function).await.status, 403);
}
