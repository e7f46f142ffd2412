//! Tests the requests of transfers: what each stores and plays, twice, out of order, and without the database.

use mongodb::bson::DateTime;
use outdial::{
    config::Settings,
    dao::Dao,
    domain::Call,
    http::FieldErrors,
    webhook::{WebhookApplier, WebhookEvent, WebhookTopic},
};
use serde_json::json;
use testkit::{Answer, BASE_URL, Proxy, Queue, Request, Stage, new_sid};

use crate::support::{APOLOGY, pairs, params, router, say, twiml};

const AGENT: &str = "+12125550199";
const DIAL: &str = "step=agent&leg=dial&end=2";
const WHISPER: &str = "step=agent&leg=whisper&end=2";
const ACCEPT: &str = "step=agent&leg=accept&end=2";
const ENDED: &str = "step=agent&leg=ended&end=2";
const HANGUP: &str = "<Hangup></Hangup>";

struct Scene {
    stage: Stage,
    call: Call,
    leg: String,
}

async fn scene(stage: &Stage) -> Scene {
    scene_with(stage, |_| {}).await
}

async fn scene_with(stage: &Stage, change: impl FnOnce(&mut Call)) -> Scene {
    let steps = json!([
        { "say": "Hello." },
        { "id": "agent", "transfer": { "to": AGENT, "whisper": "A call. Press 1.", "max_seconds": 120, "failed": { "say": "Sorry." } } },
        { "hang_up": true },
    ]);
    let steps = deserr::deserialize::<_, _, FieldErrors>(steps).unwrap();
    let call = stage
        .call(|call| {
            call.script = None;
            call.steps = Some(steps);
            change(call);
        })
        .await;
    Scene {
        stage: stage.clone(),
        call,
        leg: new_sid().to_string(),
    }
}

impl Scene {
    fn sid(&self) -> &str {
        self.call.twilio_sid.as_ref().unwrap().as_str()
    }

    fn request(&self, sid: &str, place: &str, more: &[(&'static str, &str)]) -> Request {
        let mut params = params(sid);
        params.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        params.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
        let path = format!("/twilio/voice?call_id={}&{place}", self.call.call_id);
        Request::webhook(&path, &pairs(&params))
    }

    /// A request of the call itself.
    async fn own(&self, place: &str, more: &[(&'static str, &str)]) -> Answer {
        let request = self.request(self.sid(), place, more);
        request.send(&router(&self.stage)).await
    }

    /// A request of the leg.
    async fn of_leg(&self, place: &str, more: &[(&'static str, &str)]) -> String {
        let parent = self.sid().to_owned();
        let more = [&[("ParentCallSid", parent.as_str())], more].concat();
        let request = self.request(&self.leg, place, &more);
        twiml(&request.send(&router(&self.stage)).await)
    }

    /// What Twilio says about the end of the leg.
    fn end<'a>(&'a self, status: &'a str, bridged: &'a str) -> [(&'static str, &'a str); 4] {
        [
            ("DialCallStatus", status),
            ("DialBridged", bridged),
            ("DialCallSid", &self.leg),
            ("DialCallDuration", "42"),
        ]
    }

    async fn ends(&self, status: &str, bridged: &str) -> String {
        twiml(&self.own(ENDED, &self.end(status, bridged)).await)
    }

    /// The stored status of the leg, its `CallSid`, and whether it was connected.
    async fn stored(&self) -> (String, Option<String>, Option<bool>) {
        let stored = self.stage.stored(&self.call.call_id.to_string()).await;
        let legs = stored.get_array("transfers").unwrap();
        assert_eq!(legs.len(), 1);
        let leg = legs[0].as_document().unwrap();
        (
            leg.get_str("status").unwrap().to_owned(),
            leg.get_str("call_sid").ok().map(str::to_owned),
            leg.get_bool("connected").ok(),
        )
    }
}

fn place(document: &str) -> &str {
    let (_, rest) = document.split_once("step=").unwrap();
    rest.split_once('#').unwrap().0
}

#[tokio::test]
async fn words_before_a_transfer_lead_to_the_dial() {
    let stage = Stage::new().await;
    let scene = scene(&stage).await;
    let document = twiml(&scene.own("step=start", &[]).await);
    assert!(document.contains(">Hello.</Say><Redirect"), "{document}");
    assert_eq!(place(&document), "agent&amp;leg=dial&amp;end=2");
}

#[tokio::test]
async fn number_is_dialled_with_a_whisper_and_without_a_recording() {
    let stage = Stage::new().await;
    let scene = scene(&stage).await;
    let document = twiml(&scene.own(DIAL, &[]).await);
    let base = format!("{BASE_URL}/twilio/voice?call_id={}", scene.call.call_id);
    let url = |moment: &str| {
        format!(
            "{base}&amp;step=agent&amp;leg={moment}&amp;end=2#rc=1&amp;ct=1500&amp;rt=4000&amp;tt=9000"
        )
    };
    let expected = format!(
        r#"<Dial action="{}" callerId="{}" method="POST" timeLimit="120" timeout="25"><Number method="POST" url="{}">{AGENT}</Number></Dial>"#,
        url("ended"),
        scene.call.from_number.as_str(),
        url("whisper"),
    );
    assert_eq!(document, expected);
    assert_eq!(scene.stored().await, ("dialing".to_owned(), None, None));
    // A redirect in an outage may repeat the request, although the first one was stored.
    let again = twiml(&scene.own(DIAL, &[]).await);
    assert_eq!(again, expected);
}

#[tokio::test]
async fn only_the_key_1_of_the_other_party_connects() {
    let stage = Stage::new().await;
    for (keys, expected) in [
        (Some("1"), ""),
        (Some("2"), HANGUP),
        (Some("11"), HANGUP),
        (Some("*"), HANGUP),
        (None, HANGUP),
    ] {
        let scene = scene(&stage).await;
        scene.own(DIAL, &[]).await;
        let whisper = scene.of_leg(WHISPER, &[]).await;
        assert!(whisper.starts_with("<Gather action="), "{whisper}");
        assert!(
            whisper.ends_with(">A call. Press 1.</Say></Gather><Hangup></Hangup>"),
            "{whisper}"
        );
        assert_eq!(
            place(&whisper)
                .split_once('"')
                .map_or(place(&whisper), |it| it.0),
            "agent&amp;leg=accept&amp;end=2"
        );
        let keys: Vec<_> = keys.iter().map(|&keys| ("Digits", keys)).collect();
        assert_eq!(scene.of_leg(ACCEPT, &keys).await, expected, "{keys:?}");
        let status = if expected.is_empty() {
            "accepted"
        } else {
            "answered"
        };
        let (stored, sid, connected) = scene.stored().await;
        assert_eq!((stored.as_str(), connected), (status, None));
        assert_eq!(sid.as_deref(), Some(scene.leg.as_str()));
    }
}

#[tokio::test]
async fn connection_ends_the_call_and_anything_else_goes_on() {
    let stage = Stage::new().await;
    for (status, bridged) in [
        ("completed", "true"),
        ("completed", "false"),
        ("busy", "false"),
        ("no-answer", "false"),
        ("canceled", "false"),
        ("failed", "false"),
    ] {
        let scene = scene(&stage).await;
        scene.own(DIAL, &[]).await;
        // Twilio may repeat the request.
        for _ in 0..2 {
            let document = scene.ends(status, bridged).await;
            assert_eq!(place(&document), "end&amp;end=1", "{document}");
            let says_sorry = document.contains(">Sorry.</Say>");
            assert_eq!(says_sorry, bridged == "false", "{document}");
        }
        let stored = scene.stored().await;
        let is_connected = bridged == "true";
        assert_eq!(
            stored,
            (
                status.to_owned(),
                Some(scene.leg.clone()),
                Some(is_connected)
            )
        );
    }
}

#[tokio::test]
async fn ended_transfer_is_never_dialled_again() {
    let stage = Stage::new().await;
    for (moment, expected) in [
        ("whisper", HANGUP),
        ("failed", "Sorry."),
        ("bridged", "step=end"),
    ] {
        let scene = scene(&stage).await;
        scene.own(DIAL, &[]).await;
        match moment {
            "whisper" => scene.of_leg(WHISPER, &[]).await,
            "failed" => scene.ends("busy", "false").await,
            _ => scene.ends("completed", "true").await,
        };
        let document = twiml(&scene.own(DIAL, &[]).await);
        assert!(!document.contains("<Dial"), "{moment}: {document}");
        assert!(document.contains(expected), "{moment}: {document}");
    }
}

#[tokio::test]
async fn late_requests_of_the_leg_change_nothing_after_its_end() {
    let stage = Stage::new().await;
    let scene = scene(&stage).await;
    scene.own(DIAL, &[]).await;
    scene.ends("completed", "true").await;
    let before = scene.stored().await;
    scene.of_leg(WHISPER, &[]).await;
    scene.of_leg(ACCEPT, &[("Digits", "1")]).await;
    assert_eq!(scene.stored().await, before);
}

#[tokio::test]
async fn leg_of_another_call_hears_nothing_and_changes_nothing() {
    let stage = Stage::new().await;
    let scene = scene(&stage).await;
    let foreign = new_sid().to_string();
    for more in [vec![("ParentCallSid", foreign.as_str())], vec![]] {
        let request = scene.request(&scene.leg, WHISPER, &more);
        let document = twiml(&request.send(&router(&stage)).await);
        assert_eq!(document, HANGUP);
    }
    let stored = scene.stage.stored(&scene.call.call_id.to_string()).await;
    assert_eq!(stored.get("transfers"), None);
    assert_eq!(stored.get_str("twilio_sid").unwrap(), scene.sid());
}

#[tokio::test]
async fn requested_hang_up_ends_the_transfer() {
    let stage = Stage::new().await;
    let scene = scene_with(&stage, |call| call.hangup_requested = true).await;
    assert_eq!(twiml(&scene.own(DIAL, &[]).await), HANGUP);
    assert_eq!(scene.of_leg(WHISPER, &[]).await, HANGUP);
    assert_eq!(scene.of_leg(ACCEPT, &[("Digits", "1")]).await, HANGUP);
    assert_eq!(scene.ends("busy", "false").await, HANGUP);
}

#[tokio::test]
async fn odd_requests_of_a_transfer_get_the_apology() {
    let stage = Stage::new().await;
    let scene = scene(&stage).await;
    for place in ["step=nobody&leg=dial", "step=agent&leg=hold", ENDED] {
        let document = twiml(&scene.own(place, &[]).await);
        assert_eq!(document, say(APOLOGY), "{place}");
    }
}

#[tokio::test]
async fn end_of_a_leg_survives_the_redirects_of_an_outage() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let (stage, line) = stage.behind_proxy().await;
    let scene = scene(&stage).await;
    scene.own(DIAL, &[]).await;
    Proxy::cut(&line);
    let document = scene.ends("no-answer", "false").await.replace("&amp;", "&");
    assert!(document.contains("<Pause length=\"1\">"), "{document}");
    let (_, url) = document
        .split_once(&scene.call.call_id.to_string())
        .unwrap();
    let (place, _) = url[1..].split_once('#').unwrap();
    assert!(place.contains("&dialled=no-answer.0.42.CA"), "{place}");
    line.restore();
    let document = twiml(&scene.own(place, &[]).await);
    assert!(document.contains(">Sorry.</Say>"), "{document}");
    let stored = scene.stored().await;
    assert_eq!(
        stored,
        ("no-answer".to_owned(), Some(scene.leg.clone()), Some(false))
    );
}

#[tokio::test]
async fn other_party_is_asked_and_connected_in_an_outage_too() {
    let (stage, line) = Stage::new().await.behind_proxy().await;
    let scene = scene(&stage).await;
    scene.own(DIAL, &[]).await;
    Proxy::cut(&line);
    let whisper = scene.of_leg(WHISPER, &[]).await;
    assert!(whisper.contains("To take it, press 1."), "{whisper}");
    assert_eq!(scene.of_leg(ACCEPT, &[("Digits", "1")]).await, "");
}

#[tokio::test]
async fn end_of_a_leg_waits_in_the_queue_if_the_database_stays_away() {
    for (bridged, more, document) in [
        ("true", None, HANGUP.to_owned()),
        ("false", Some("&retry=3"), say(APOLOGY)),
    ] {
        let queue = Queue::new().await;
        let stage = Stage::new().await.spilling_into(&queue);
        let (stage, line) = stage.behind_proxy().await;
        let scene = scene(&stage).await;
        scene.own(DIAL, &[]).await;
        Proxy::cut(&line);
        let place = format!("{ENDED}{}", more.unwrap_or_default());
        let answer = scene.own(&place, &scene.end("completed", bridged)).await;
        assert_eq!(twiml(&answer), document);
        let messages = queue.messages().await;
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert_eq!(messages[0]["topic"], "step");
        line.restore();
        let form = messages[0]["form"].as_str().unwrap();
        let event = WebhookEvent::parse(WebhookTopic::Step, form.as_bytes(), None, DateTime::now());
        let dao = Dao::new(stage.settings().reloadable(Settings::mongo).unwrap()).unwrap();
        let applier = WebhookApplier::new(dao, None);
        for _ in 0..2 {
            let id = Some(scene.call.call_id);
            applier.apply(id, event.as_ref().unwrap()).await.unwrap();
        }
        let stored = scene.stored().await;
        let is_connected = bridged == "true";
        let expected = (
            "completed".to_owned(),
            Some(scene.leg.clone()),
            Some(is_connected),
        );
        assert_eq!(stored, expected);
        let call = scene.stage.stored(&scene.call.call_id.to_string()).await;
        assert_eq!(call.get_bool("cut_off").is_ok(), !is_connected);
    }
}

#[tokio::test]
async fn failing_request_of_a_leg_is_not_queued() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let (stage, line) = stage.behind_proxy().await;
    let scene = scene(&stage).await;
    Proxy::cut(&line);
    scene.of_leg(WHISPER, &[]).await;
    scene.of_leg(ACCEPT, &[("Digits", "1")]).await;
    assert!(queue.messages().await.is_empty());
}
