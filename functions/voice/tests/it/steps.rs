//! Tests calls with steps: what each request stores, and what it plays.

use mongodb::bson::Document;
use outdial::{domain::Call, http::FieldErrors};
use serde_json::{Value, json};
use testkit::{Answer, BASE_URL, Request, Stage, new_sid};

use crate::support::{APOLOGY, GOODBYE, pairs, params, router, say, twiml};

pub fn confirm() -> Value {
    json!([
        { "say": "Hello." },
        { "id": "confirm", "ask": "Press 1.", "tries": 2, "options": { "1": { "outcome": "yes", "say": "Thanks." } } },
        { "say": "Bye." },
    ])
}

pub async fn scene(stage: &Stage, steps: Value) -> Scene {
    let steps = deserr::deserialize::<_, _, FieldErrors>(steps).unwrap();
    let call = stage
        .call(|call| {
            call.script = None;
            call.steps = Some(steps);
        })
        .await;
    Scene {
        stage: stage.clone(),
        call,
    }
}

pub struct Scene {
    pub stage: Stage,
    pub call: Call,
}

/// A place in the steps, as in the URL.
pub const FIRST: &str = "step=confirm&try=1&tries=2&repeats=0&from=0";
pub const LAST: &str = "step=confirm&try=2&tries=2&repeats=0&from=0";

impl Scene {
    fn sid(&self) -> &str {
        self.call.twilio_sid.as_ref().unwrap().as_str()
    }

    pub fn request(&self, place: &str, digits: Option<&str>) -> Request {
        self.request_as(self.sid(), place, digits)
    }

    fn request_as(&self, sid: &str, place: &str, digits: Option<&str>) -> Request {
        let mut params = params(sid);
        params.extend(digits.map(|digits| ("Digits", digits.to_owned())));
        let path = format!("/twilio/voice?call_id={}&{place}", self.call.call_id);
        Request::webhook(&path, &pairs(&params))
    }

    pub async fn answer(&self, place: &str, digits: Option<&str>) -> Answer {
        self.request(place, digits).send(&router(&self.stage)).await
    }

    /// The texts that are said, in the order of the document.
    pub async fn says(&self, place: &str, digits: Option<&str>) -> Vec<String> {
        said(&twiml(&self.answer(place, digits).await))
    }

    pub async fn stored(&self) -> Document {
        self.stage.stored(&self.call.call_id.to_string()).await
    }

    pub async fn digits(&self) -> Vec<String> {
        let stored = self.stored().await;
        let answers = stored.get_array("answers").cloned().unwrap_or_default();
        let digits = answers.iter().map(|answer| {
            let answer = answer.as_document().unwrap();
            answer.get_str("digits").unwrap().to_owned()
        });
        digits.collect()
    }
}

pub fn said(document: &str) -> Vec<String> {
    let says = document.split("<Say ").skip(1);
    says.map(|say| {
        let (_, text) = say.split_once('>').unwrap();
        text.split_once("</Say>").unwrap().0.to_owned()
    })
    .collect()
}

#[tokio::test]
async fn start_plays_the_first_steps_and_stores_that() {
    let stage = Stage::new().await.set("RECORDING_NOTICE", "Recorded.");
    let scene = scene(&stage, confirm()).await;
    assert_eq!(scene.says("step=start", None).await, ["Hello.", "Press 1."]);
    assert_eq!(
        scene.stored().await.get_str("delivery").ok(),
        Some("started")
    );
}

#[tokio::test]
async fn audio_that_fails_is_replaced_by_its_words() {
    let audio = |text: &str| json!({ "text": text, "audio_url": "https://a.example.com/a.mp3" });
    let steps = json!([
        { "say": audio("Hello.") },
        { "id": "confirm", "ask": "Press 1.", "tries": 2, "options": { "1": { "say": audio("Thanks.") } } },
        { "say": "Bye." },
    ]);
    let scene = scene(&Stage::new().await, steps).await;
    let failed = async |place: &str| {
        let mut params = params(scene.sid());
        let url = match place {
            "" => "https://a.example.com/a.mp3".to_owned(),
            place => format!(
                "{BASE_URL}/twilio/voice?call_id={}&{place}",
                scene.call.call_id
            ),
        };
        params.extend([("ErrorCode", "11200".to_owned()), ("ErrorUrl", url)]);
        let path = format!("/twilio/voice?call_id={}&fallback=1", scene.call.call_id);
        let request = Request::webhook(&path, &pairs(&params));
        twiml(&request.send(&router(&scene.stage)).await)
    };
    let document = twiml(&scene.answer("step=start", None).await);
    assert!(
        document.contains("<Play>https://a.example.com/a.mp3</Play>"),
        "{document}"
    );
    assert!(
        !document.contains("end="),
        "audio proves nothing: {document}"
    );
    for place in ["step=start", ""] {
        let document = failed(place).await;
        assert_eq!(said(&document), ["Hello.", "Press 1."], "{place}");
        assert!(
            document.contains("&amp;audio=0&amp;step=confirm"),
            "{document}"
        );
    }
    let document = twiml(&scene.answer(FIRST, Some("1")).await);
    assert!(document.contains("<Play>"), "{document}");
    assert_eq!(said(&failed(FIRST).await), ["Thanks.", "Bye."]);
    assert_eq!(said(&failed(LAST).await), ["Bye."]);
    for place in ["", &format!("{FIRST}&audio=0")] {
        assert_eq!(said(&failed(place).await), [APOLOGY], "{place}");
    }
}

#[tokio::test]
async fn notice_is_spoken_at_the_start_only() {
    let stage = Stage::new().await.set("RECORDING_NOTICE", "Recorded.");
    let mut scene = scene(&stage, confirm()).await;
    scene.call = stage
        .call(|call| {
            call.script = None;
            call.steps.clone_from(&scene.call.steps);
            call.recording_enabled = true;
        })
        .await;
    assert_eq!(
        scene.says("step=start", None).await,
        ["Recorded.", "Hello.", "Press 1."]
    );
    let keys = format!("{FIRST}&keys=1");
    assert_eq!(scene.says(&keys, Some("7")).await, ["Hello.", "Press 1."]);
}

#[tokio::test]
async fn key_is_stored_before_it_is_acknowledged_and_again_only_once() {
    let stage = Stage::new().await;
    let scene = scene(&stage, confirm()).await;
    let keys = format!("{FIRST}&keys=1");
    for _ in 0..2 {
        assert_eq!(scene.says(&keys, Some("1")).await, ["Thanks.", "Bye."]);
        assert_eq!(scene.digits().await, ["1"]);
    }
    // Other keys for the same try come too late.
    assert_eq!(scene.says(&keys, Some("7")).await, ["Thanks.", "Bye."]);
    assert_eq!(scene.digits().await, ["1"]);
}

#[tokio::test]
async fn silence_repeats_the_ask_and_the_last_one_goes_on() {
    let stage = Stage::new().await;
    let scene = scene(&stage, confirm()).await;
    let heard = format!("{FIRST}&end=2");
    assert_eq!(scene.says(&heard, None).await, ["Press 1."]);
    assert_eq!(scene.stored().await.get("unanswered"), None);
    let heard = format!("{LAST}&end=2");
    let document = twiml(&scene.answer(&heard, None).await);
    assert_eq!(said(&document), ["Bye."]);
    assert!(document.contains("step=end&amp;end=1"), "{document}");
    let stored = scene.stored().await;
    assert_eq!(stored.get_array("unanswered").unwrap().len(), 1);
}

#[tokio::test]
async fn end_hangs_up_and_stores_what_was_heard() {
    let stage = Stage::new().await;
    for (place, delivery) in [("step=end", "started"), ("step=end&end=1", "full")] {
        let scene = scene(&stage, confirm()).await;
        let document = twiml(&scene.answer(place, None).await);
        assert_eq!(document, "<Hangup></Hangup>");
        let stored = scene.stored().await;
        assert_eq!(stored.get_str("delivery").ok(), Some(delivery));
        assert_eq!(stored.get_bool("steps_ended").ok(), Some(true));
    }
}

#[tokio::test]
async fn odd_keys_and_places_are_no_answers() {
    let stage = Stage::new().await;
    let scene = scene(&stage, confirm()).await;
    let keys = format!("{FIRST}&keys=1");
    let many = "1".repeat(300);
    for odd in ["*", "#", "11", "１", "$where", &many] {
        assert_eq!(
            scene.says(&keys, Some(odd)).await,
            ["Hello.", "Press 1."],
            "{odd}"
        );
    }
    assert!(scene.digits().await.iter().all(|digits| digits.len() <= 20));
    for place in [
        "step=",
        "step=confirm",
        "step=gone&try=1&tries=1&repeats=0&from=99",
    ] {
        assert_eq!(
            twiml(&scene.answer(place, None).await),
            say(APOLOGY),
            "{place}"
        );
    }
}

#[tokio::test]
async fn request_of_another_call_gets_a_goodbye_and_changes_nothing() {
    let stage = Stage::new().await;
    let scene = scene(&stage, confirm()).await;
    let before = scene.stored().await;
    let keys = format!("{FIRST}&keys=1");
    let foreign = scene.request_as(new_sid().as_str(), &keys, Some("1"));
    let answer = foreign.send(&router(&stage)).await;
    assert_eq!(twiml(&answer), say(GOODBYE));
    assert_eq!(scene.stored().await, before);
}

#[tokio::test]
async fn requested_hang_up_ends_the_steps() {
    let stage = Stage::new().await;
    let mut scene = scene(&stage, confirm()).await;
    let steps = scene.call.steps.clone();
    scene.call = stage
        .call(|call| {
            call.steps = steps;
            call.hangup_requested = true;
        })
        .await;
    let document = twiml(&scene.answer("step=start", None).await);
    assert_eq!(document, "<Hangup></Hangup>");
}

#[tokio::test]
async fn fallback_plays_the_steps_from_their_start() {
    let stage = Stage::new().await;
    let scene = scene(&stage, confirm()).await;
    assert_eq!(scene.says("fallback=1", None).await, ["Hello.", "Press 1."]);
    let stored = scene.stored().await;
    assert_eq!(stored.get_str("delivery").unwrap(), "started");
}

#[tokio::test]
async fn fallback_never_plays_the_steps_again() {
    let stage = Stage::new().await;
    let ask = format!("{FIRST}&keys=1");
    for (failed, expected) in [
        ("step=end&end=1", "<Hangup></Hangup>".to_owned()),
        (&ask, say(APOLOGY)),
        ("", say(APOLOGY)),
    ] {
        let scene = scene(&stage, confirm()).await;
        scene.says("step=start", None).await;
        let url = format!(
            "{BASE_URL}/twilio/voice?call_id={}&{failed}#rc=1",
            scene.call.call_id
        );
        let mut params = params(scene.sid());
        params.push(("ErrorUrl", url));
        let path = format!("/twilio/voice?call_id={}&fallback=1", scene.call.call_id);
        let request = Request::webhook(&path, &pairs(&params));
        let document = twiml(&request.send(&router(&stage)).await);
        assert_eq!(document, expected, "{failed}");
        assert_eq!(
            scene.stored().await.get_str("delivery").ok(),
            Some("started")
        );
    }
}
