use std::time::{Duration, Instant};

use outdial::{
    domain::{CallStatus, DialOutcome},
    twilio::sign,
};
use testkit::{ACCOUNT_SID, AUTH_TOKEN, BASE_URL, Request, Stage, form, new_sid};

use crate::support::{GOODBYE, ask, asked, pairs, params, router, say, signed, twiml};

#[tokio::test]
async fn a_call_speaks_its_script_and_hangs_up() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.script = "Tom & \"Jerry\" <b>say</b> 'hi' ]]> é 😀\n$5"
                .parse()
                .unwrap();
        })
        .await;
    assert_eq!(
        asked(&stage, &call).await,
        say("Tom &amp; \"Jerry\" &lt;b&gt;say&lt;/b&gt; 'hi' ]]&gt; é 😀\n$5")
    );
}

#[tokio::test]
async fn the_voice_and_language_are_the_calls_else_the_configured_ones() {
    let stage = Stage::new()
        .await
        .set("VOICE", "man")
        .set("LANGUAGE", "de-DE");
    let call = stage.call(|_| ()).await;
    let spoken = asked(&stage, &call).await;
    assert!(
        spoken.starts_with(r#"<Say language="de-DE" voice="man">"#),
        "{spoken}"
    );
    let call = stage
        .call(|call| {
            call.voice = Some("Polly.Amy".parse().unwrap());
            call.language = Some("en-GB".parse().unwrap());
        })
        .await;
    let spoken = asked(&stage, &call).await;
    assert!(
        spoken.starts_with(r#"<Say language="en-GB" voice="Polly.Amy">"#),
        "{spoken}"
    );
}

#[tokio::test]
async fn a_language_without_a_voice_is_spoken_by_a_voice_that_speaks_it() {
    let stage = Stage::new().await;
    for (language, attributes) in [
        ("ja-JP", r#"language="ja-JP" voice="Polly.Mizuki""#),
        ("ja", r#"language="ja-JP" voice="Polly.Mizuki""#),
        (
            "uk-UA",
            r#"language="uk-UA" voice="Google.uk-UA-Standard-A""#,
        ),
        ("de-DE", r#"language="de-DE" voice="woman""#),
        // No voice is known to speak it: an earlier version has stored the call.
        ("tlh", r#"language="tlh" voice="woman""#),
    ] {
        let call = stage
            .call(|call| call.language = Some(language.parse().unwrap()))
            .await;
        let spoken = asked(&stage, &call).await;
        assert!(
            spoken.starts_with(&format!("<Say {attributes}>")),
            "{spoken}"
        );
    }
    let neural = stage.clone().set("VOICE", "Polly.Takumi-Neural");
    let call = stage
        .call(|call| call.language = Some("ja-JP".parse().unwrap()))
        .await;
    let spoken = asked(&neural, &call).await;
    let attributes = r#"<Say language="ja-JP" voice="Polly.Takumi-Neural">"#;
    assert!(spoken.starts_with(attributes), "{spoken}");
}

#[tokio::test]
async fn a_voice_without_a_language_speaks_its_own() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| call.voice = Some("Polly.Mizuki".parse().unwrap()))
        .await;
    let spoken = asked(&stage, &call).await;
    let attributes = r#"<Say language="ja-JP" voice="Polly.Mizuki">"#;
    assert!(spoken.starts_with(attributes), "{spoken}");
}

#[tokio::test]
async fn a_long_script_is_spoken_sentence_by_sentence() {
    let stage = Stage::new().await;
    let sentence = "您的訂單已經準備好了。";
    let script = sentence.repeat(200);
    let call = stage
        .call(|call| {
            call.script = script.parse().unwrap();
            call.language = Some("zh-CN".parse().unwrap());
        })
        .await;
    let twiml = asked(&stage, &call).await;
    let says: Vec<_> = twiml
        .strip_suffix("<Hangup></Hangup>")
        .unwrap()
        .split("</Say>")
        .filter_map(|say| say.strip_prefix(r#"<Say language="zh-CN" voice="Polly.Zhiyu">"#))
        .collect();
    assert!(says.len() > 4, "{}", says.len());
    let fits = |say: &&str| say.ends_with('。') && say.chars().count() * 9 <= 4_400;
    assert!(says.iter().all(fits));
    assert_eq!(says.concat(), script);
}

#[tokio::test]
async fn a_long_notice_and_a_long_apology_are_spoken_in_parts() {
    let long = "Это важно. ".repeat(200);
    let stage = Stage::new()
        .await
        .set("RECORDING_NOTICE", &long)
        .set("APOLOGY", &long);
    let call = stage.call(|call| call.recording_enabled = true).await;
    let of_call = asked(&stage, &call).await;
    let says = |twiml: &str| twiml.matches("<Say ").count();
    assert_eq!(says(&of_call), 4, "three of the notice, one of the script");
    let nobodys = ask(&stage, "/twilio/voice", "").await;
    assert_eq!(says(&twiml(&nobodys)), 3);
}

#[tokio::test]
async fn a_notice_is_spoken_before_the_script_of_a_recorded_call_alone() {
    let stage = Stage::new()
        .await
        .set("RECORDING_NOTICE", "We record this & more.");
    let recorded = stage.call(|call| call.recording_enabled = true).await;
    let notice = r#"<Say language="en-US" voice="woman">We record this &amp; more.</Say>"#;
    assert_eq!(
        asked(&stage, &recorded).await,
        format!("{notice}{}", say("Hello."))
    );
    let other = stage.call(|_| ()).await;
    assert_eq!(asked(&stage, &other).await, say("Hello."));
    let recorded_without = stage.clone().set("RECORDING_NOTICE", "");
    assert_eq!(asked(&recorded_without, &recorded).await, say("Hello."));
}

#[tokio::test]
async fn a_call_is_found_by_twilios_name_where_the_url_names_none() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let sid = call.twilio_sid.unwrap();
    for path in [
        "/twilio/voice",
        "/twilio/voice?call_id=nonsense",
        "/twilio/voice?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        assert_eq!(
            twiml(&ask(&stage, path, sid.as_str()).await),
            say("Hello."),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_first_to_ask_brings_twilios_name_of_the_call() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.dial_outcome = Some(DialOutcome::Unknown);
        })
        .await;
    let (id, sid) = (call.call_id.to_string(), new_sid());
    let answer = ask(&stage, &format!("/twilio/voice?call_id={id}"), sid.as_str()).await;
    assert_eq!(twiml(&answer), say("Hello."));
    let stored = stage.stored(&id).await;
    assert_eq!(stored.get_str("twilio_sid").ok(), Some(sid.as_str()));
    assert_eq!(stored.get_str("dial_outcome").ok(), Some("accepted"));
    assert_eq!(stored.get_str("status").ok(), Some("initiated"));
}

#[tokio::test]
async fn another_call_of_twilios_is_said_goodbye_and_changes_nothing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let id = call.call_id.to_string();
    let before = stage.stored(&id).await;
    let answer = ask(
        &stage,
        &format!("/twilio/voice?call_id={id}"),
        new_sid().as_str(),
    )
    .await;
    assert_eq!(twiml(&answer), say(GOODBYE));
    assert_eq!(stage.stored(&id).await, before);
}

#[tokio::test]
async fn of_two_calls_that_were_dialled_for_one_only_one_speaks() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        let call = stage.call(|call| call.twilio_sid = None).await;
        let path = format!("/twilio/voice?call_id={}", call.call_id);
        let (sids, routers) = ([new_sid(), new_sid()], [router(&stage), router(&stage)]);
        let requests = [
            signed(&path, sids[0].as_str()),
            signed(&path, sids[1].as_str()),
        ];
        let (one, other) =
            tokio::join!(requests[0].send(&routers[0]), requests[1].send(&routers[1]));
        let mut spoken = [twiml(&one), twiml(&other)];
        spoken.sort();
        assert_eq!(spoken, [say("Hello."), say(GOODBYE)]);
    }
}

#[tokio::test]
async fn a_name_that_is_another_calls_is_said_goodbye() {
    let stage = Stage::new().await;
    let one = stage.call(|_| ()).await;
    let other = stage.call(|call| call.twilio_sid = None).await;
    let path = format!("/twilio/voice?call_id={}", other.call_id);
    let answer = ask(&stage, &path, one.twilio_sid.unwrap().as_str()).await;
    assert_eq!(twiml(&answer), say(GOODBYE));
}

#[tokio::test]
async fn a_call_that_is_not_known_is_said_goodbye() {
    let stage = Stage::new().await;
    for path in [
        "/twilio/voice",
        "/twilio/voice?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        let answer = ask(&stage, path, new_sid().as_str()).await;
        assert_eq!(twiml(&answer), say(GOODBYE), "{path}");
    }
    assert_eq!(stage.count("calls").await, 0);
}

#[tokio::test]
async fn a_call_that_is_to_be_ended_hangs_up() {
    let stage = Stage::new().await;
    let call = stage
        .call(|call| {
            call.twilio_sid = None;
            call.hangup_requested = true;
        })
        .await;
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    let answer = ask(&stage, &path, new_sid().as_str()).await;
    assert_eq!(twiml(&answer), "<Hangup></Hangup>");
}

#[tokio::test]
async fn a_forged_request_is_refused_without_a_look_into_the_database() {
    // The line is dead: whoever asked the database would wait for seconds.
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
async fn a_token_that_is_being_rotated_in_is_taken_too() {
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
async fn the_signed_url_is_the_configured_one_else_the_gateways_and_never_the_host_headers() {
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
async fn the_query_is_signed_verbatim() {
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
        let answer = ask(&stage, &format!("/twilio/voice?{query}"), sid).await;
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
async fn a_form_in_base64_is_a_form() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let params = params(call.twilio_sid.as_ref().unwrap().as_str());
    let pairs = pairs(&params);
    let path = format!("/twilio/voice?call_id={}", call.call_id);
    let request = Request::webhook(&path, &pairs).bytes(form(&pairs).as_bytes());
    assert_eq!(twiml(&request.send(&router(&stage)).await), say("Hello."));
}

#[tokio::test]
async fn unknown_fields_are_no_fault_of_a_webhook() {
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
async fn a_call_that_has_ended_for_us_is_not_changed_by_being_asked_for() {
    let stage = Stage::new().await;
    let call = stage.call(|call| call.status = CallStatus::Completed).await;
    asked(&stage, &call).await;
    let stored = stage.stored(&call.call_id.to_string()).await;
    assert_eq!(stored.get_str("status").ok(), Some("completed"));
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
