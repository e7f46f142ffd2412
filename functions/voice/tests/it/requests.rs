//! Tests which requests are accepted: signature, form, method and path.

use std::time::{Duration, Instant};

use outdial::twilio::sign;
use testkit::{ACCOUNT_SID, AUTH_TOKEN, BASE_URL, Request, Stage, form, new_sid};

use crate::support::{pairs, params, request_voice, router, say, signed, twiml};

#[tokio::test]
async fn forged_request_is_refused_without_a_database_query() {
    // The connection stalls, so a query would take seconds.
    let (stage, line) = Stage::new().await.behind_proxy().await;
    line.stall();
    let router = router(&stage);
    let (sid, path) = (
        new_sid(),
        "/twilio/voice?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    );
    let good = signed(path, sid.as_str());
    let params = params(sid.as_str());
    let pairs = pairs(&params);
    let forged = [
        good.clone().without("x-twilio-signature"),
        good.clone().header("x-twilio-signature", ""),
        good.clone()
            .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        good.clone().header("x-twilio-signature", "not base64!"),
        good.clone()
            .body(&form(&pairs).replace("2125550123", "2125550124")),
        good.clone().body(&format!("{}&Extra=1", form(&pairs))),
        good.clone().header("content-type", "application/json"),
        Request::signed_by("another-token", path, &pairs),
        signed(
            "/twilio/voice?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c9",
            sid.as_str(),
        )
        .moved(path),
        signed("/twilio/voice", sid.as_str()).moved(path),
        signed("/twilio/status", sid.as_str()).moved("/twilio/voice"),
    ];
    for (number, request) in forged.iter().enumerate() {
        let begun = Instant::now();
        let answer = request.send(&router).await;
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{number}: {:?}",
            begun.elapsed()
        );
        answer.assert_problem(403, "bad_signature");
    }
}

#[tokio::test]
async fn secondary_token_is_accepted() {
    let stage = Stage::new()
        .await
        .set("TWILIO_AUTH_TOKEN_SECONDARY", "the-next-token");
    let call = stage.call(|_| ()).await;
    let params = params(call.twilio_sid.as_ref().unwrap().as_str());
    let pairs = pairs(&params);
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    for (token, status) in [
        ("the-next-token", 200),
        (AUTH_TOKEN, 200),
        ("an older token", 403),
    ] {
        let answer = Request::signed_by(token, &path, &pairs)
            .send(&router(&stage))
            .await;
        assert_eq!(answer.status, status, "{token}");
    }
}

#[tokio::test]
async fn signed_url_is_the_configured_one_or_the_gateways_never_the_host_headers() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let sid = call.twilio_sid.as_ref().unwrap().to_string();
    let params = params(&sid);
    let pairs = pairs(&params);
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    let own = "https://abc.lambda-url.us-east-1.on.aws/twilio/voice";
    for (base_url, voice_url, signed_origin) in [
        (BASE_URL, "", BASE_URL),
        ("https://calls.example.com/", "", BASE_URL),
        (BASE_URL, own, "https://abc.lambda-url.us-east-1.on.aws"),
        ("", "", "https://gateway.example.com"),
    ] {
        let stage = stage
            .clone()
            .set("BASE_URL", base_url)
            .set("VOICE_URL", voice_url);
        let router = router(&stage);
        for origin in [
            BASE_URL,
            "https://abc.lambda-url.us-east-1.on.aws",
            "https://gateway.example.com",
            "https://somebody.else.example",
        ] {
            let signature = sign(&format!("{origin}{path}"), &pairs, AUTH_TOKEN);
            let request = signed(&path, &sid)
                .header("x-twilio-signature", &signature)
                .header("x-forwarded-host", "somebody.else.example");
            let answer = request.send(&router).await;
            let expected = if origin == signed_origin { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{base_url} {voice_url} {origin}");
        }
    }
}

#[tokio::test]
async fn query_is_signed_verbatim() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let sid = call.twilio_sid.as_ref().unwrap().as_str();
    let id = call.call_id;
    for query in [
        format!("call_id={id}&x=a+b%20c%2B&y=%7e&z="),
        format!("&&call_id={id}&a=1&a=2"),
        format!("b=%C3%A9&call_id={id}&flag"),
        format!("call_id={id}&u=https://example.com/?q=1"),
    ] {
        let answer = request_voice(&stage, &format!("/twilio/voice?{query}"), sid).await;
        assert_eq!(twiml(&answer), say("Hello."), "{query}");
        let other = signed(&format!("/twilio/voice?{query}"), sid)
            .moved(&format!("/twilio/voice?{query}&"));
        other
            .send(&router(&stage))
            .await
            .assert_problem(403, "bad_signature");
    }
}

#[tokio::test]
async fn base64_form_is_decoded() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let params = params(call.twilio_sid.as_ref().unwrap().as_str());
    let pairs = pairs(&params);
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    let request = Request::webhook(&path, &pairs).bytes(form(&pairs).as_bytes());
    assert_eq!(twiml(&request.send(&router(&stage)).await), say("Hello."));
}

#[tokio::test]
async fn unknown_fields_are_ignored() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let sid = call.twilio_sid.as_ref().unwrap().as_str();
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    let params = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid),
        ("SomethingNew", "x"),
        ("StirVerstat", ""),
    ];
    let answer = Request::webhook(&path, &params).send(&router(&stage)).await;
    assert_eq!(twiml(&answer), say("Hello."));
}

#[tokio::test]
async fn other_methods_and_paths_are_problems() {
    let stage = Stage::new().await;
    let router = router(&stage);
    let get = Request::new("GET", "/twilio/voice").send(&router).await;
    get.assert_problem(405, "method_not_allowed");
    assert_eq!(get.header("allow"), "POST");
    Request::new("POST", "/twilio/other")
        .send(&router)
        .await
        .assert_problem(404, "not_found");
}
