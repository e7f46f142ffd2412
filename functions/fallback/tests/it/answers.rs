//! Tests what a person hears.

use testkit::Request;

use crate::support::{APOLOGY, NOTICES, path, request, router, said, voice_url};

#[tokio::test]
async fn apology_is_in_the_language_of_the_call() {
    let router = router([("NOTICES", NOTICES)]);
    for (query, error_url, text, language) in [
        ("lang=es-MX", voice_url("lang=fr-FR"), "Perdón.", "es-MX"),
        ("", voice_url("lang=es-MX&step=start"), "Perdón.", "es-MX"),
        ("lang=", voice_url("lang=es-MX#rc=3"), "Perdón.", "es-MX"),
        ("lang=fr-FR", voice_url(""), APOLOGY, "en-US"),
        ("", voice_url(""), APOLOGY, "en-US"),
        ("", "nonsense".to_owned(), APOLOGY, "en-US"),
    ] {
        let answer = request(query, &error_url, &[]).send(&router).await;
        let expected = Some((text.to_owned(), language.to_owned()));
        assert_eq!(said(&answer), expected, "{query} {error_url}");
    }
}

#[tokio::test]
async fn call_that_has_said_everything_or_is_opted_out_of_only_hangs_up() {
    let router = router([]);
    let ask = "step=confirm&try=1&tries=3&repeats=0&from=0&keys=12";
    for (place, digits, is_over) in [
        ("step=end&end=1", None, true),
        ("step=end", None, true),
        ("step=hold&held=3", None, true),
        ("step=voicemail_done", None, true),
        ("step=agent&leg=whisper", None, true),
        ("step=agent&leg=ended&dialled=completed.1.9.", None, true),
        (&format!("{ask}&opt_out=9&pressed=9"), None, true),
        (&format!("{ask}&opt_out=9"), Some("9"), true),
        (&format!("{ask}&opt_out=9#rc=1&ct=1500"), Some("9"), true),
        (&format!("{ask}&blocks=2"), Some("2"), true),
        (&format!("{ask}&opt_out=9"), Some("1"), false),
        (&format!("{ask}&opt_out=9"), None, false),
        ("step=start", None, false),
        ("step=agent&leg=dial", None, false),
        ("step=agent&leg=ended&dialled=busy.0..", None, false),
        ("step=", None, false),
    ] {
        let digits: Vec<_> = digits.map(|keys| ("Digits", keys)).into_iter().collect();
        let answer = request("", &voice_url(place), &digits).send(&router).await;
        assert_eq!(said(&answer).is_none(), is_over, "{place} {digits:?}");
    }
}

#[tokio::test]
async fn odd_requests_get_the_apology() {
    let router = router([]);
    let post = |query: &str| Request::new("POST", &path(query));
    let expected = Some((APOLOGY.to_owned(), "en-US".to_owned()));
    for request in [
        post(""),
        post("lang=%3CHangup%2F%3E"),
        post("lang=en%22US"),
        post(&format!("lang={}", "a".repeat(4_000))),
        post("lang=%FF%00&lang=es-MX"),
        post("").body("a=b&&=&%%%&ErrorUrl"),
        post("").bytes(b"CallSid=\xff\x00&ErrorUrl=%FF%00"),
        post("").body(&"a".repeat(1_000_000)),
        post("").body(&format!("ErrorUrl=?step=end&x={}", "&".repeat(100_000))),
        post("")
            .header("content-type", "application/json")
            .body("{}"),
        request("", &"?step=end".repeat(3_000), &[]),
        request("", "?step=end&call_id=1", &[]),
    ] {
        assert_eq!(said(&request.send(&router).await), expected);
    }
}

#[tokio::test]
async fn malformed_variable_does_not_stop_it() {
    for (name, value) in [
        ("NOTICES", "{"),
        ("APOLOGY", "a\u{7}"),
        ("VOICE", "a b"),
        ("LANGUAGE", "e s"),
        ("WEBHOOK_QUEUE_URL", "nowhere"),
    ] {
        let answer = request("", "", &[]).send(&router([(name, value)])).await;
        let expected = Some((APOLOGY.to_owned(), "en-US".to_owned()));
        assert_eq!(said(&answer), expected, "{name}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let router = router([]);
    let answer = Request::new("POST", "/twilio/voice").send(&router).await;
    answer.assert_problem(404, "not_found");
    let answer = Request::new("GET", "/twilio/fallback").send(&router).await;
    answer.assert_problem(405, "method_not_allowed");
}
