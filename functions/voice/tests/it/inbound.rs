//! Tests calls to our number: what the person hears, and whom the opt-out key blocks.

use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::Dao,
    domain::{Call, CallStatus, DialOutcome, WaitingFor},
    webhook::{QueuedWebhook, WebhookApplier, WebhookEvent},
};
use serde_json::Value;
use testkit::{ACCOUNT_SID, Answer, BASE_URL, FROM_NUMBER, Queue, Request, Stage, new_sid};

use crate::{
    steps::said,
    support::{APOLOGY, GOODBYE, router, twiml},
};

const NOTICES: &str = r#"{
    "en": {"identity": "This is Example.", "opt_out": "Press 9.", "moment": "One moment.", "opted_out": "Done.", "withheld": "Hidden."},
    "es": {"identity": "Ejemplo.", "opt_out": "Pulse 9.", "opted_out": "Hecho."}
}"#;
const PERSON: &str = "+12125550123";
/// A request after the first words.
const PLAYED: &str = "/twilio/inbound?lang=en-US&plays=1";
const DAY: Duration = Duration::from_hours(24);

async fn stage() -> Stage {
    let stage = Stage::new().await.set("NOTICES", NOTICES);
    stage.set("OPT_OUT_KEY", "9")
}

/// A person who calls our number.
struct Caller<'a> {
    stage: &'a Stage,
    number: &'a str,
    sid: String,
}

impl<'a> Caller<'a> {
    fn new(stage: &'a Stage, number: &'a str) -> Self {
        let sid = new_sid().as_str().to_owned();
        Self { stage, number, sid }
    }

    fn request(&self, path: &str, keys: &str) -> Request {
        let mut params = vec![
            ("AccountSid", ACCOUNT_SID),
            ("CallSid", &self.sid),
            ("CallStatus", "ringing"),
            ("Direction", "inbound"),
            ("From", self.number),
            ("To", FROM_NUMBER),
        ];
        params.extend(Some(("Digits", keys)).filter(|_| !keys.is_empty()));
        Request::webhook(path, &params)
    }

    async fn answer(&self, path: &str, keys: &str) -> Answer {
        self.request(path, keys).send(&router(self.stage)).await
    }

    /// The document, and what it says.
    async fn hears(&self, path: &str, keys: &str) -> (String, Vec<String>) {
        let document = twiml(&self.answer(path, keys).await).replace("&amp;", "&");
        let said = said(&document);
        (document, said)
    }

    async fn opts_out(&self) -> Vec<String> {
        let (document, said) = self.hears(PLAYED, "9").await;
        assert!(document.ends_with("</Say><Hangup></Hangup>"), "{document}");
        said
    }
}

/// A call that was made this long ago.
async fn dialled(stage: &Stage, ago: Duration, change: impl FnOnce(&mut Call)) -> Call {
    let ago = i64::try_from(ago.as_millis()).unwrap();
    let created_at = DateTime::from_millis(DateTime::now().timestamp_millis() - ago);
    let change = |call: &mut Call| {
        call.created_at = created_at;
        call.status = CallStatus::Completed;
        change(call);
    };
    stage.call(change).await
}

async fn blocked(stage: &Stage) -> Vec<String> {
    let numbers = stage.database().collection::<Document>("blocked_numbers");
    let mut found = numbers.find(doc! {}).await.unwrap();
    let mut blocked = Vec::new();
    while found.advance().await.unwrap() {
        let entry: Document = found.deserialize_current().unwrap();
        blocked.push(entry.get_str("number").unwrap().to_owned());
    }
    blocked
}

/// Applies the messages in the queue, each twice.
async fn replay(stage: &Stage, messages: Vec<Value>) {
    let applier = WebhookApplier::new(Dao::from_settings(&stage.settings()).unwrap(), None);
    for message in messages {
        let message: QueuedWebhook = serde_json::from_value(message).unwrap();
        let (form, at) = (message.form.as_bytes(), message.received_at());
        let event = WebhookEvent::parse(message.topic, form, None, at).unwrap();
        for _ in 0..2 {
            applier.apply(message.call_id, &event).await.unwrap();
        }
    }
}

#[tokio::test]
async fn caller_hears_who_calls_and_can_press_any_key() {
    let stage = stage().await;
    let caller = Caller::new(&stage, PERSON);
    let (document, said) = caller.hears("/twilio/inbound", "").await;
    assert_eq!(said, ["This is Example.", "Press 9."]);
    let next = format!("{BASE_URL}/twilio/inbound?lang=en-US&plays=1#rc=1&ct=1500&rt=4000&tt=9000");
    let gather = format!(
        r#"<Gather action="{next}" finishOnKey="" input="dtmf" method="POST" numDigits="1" timeout="5"><Say"#
    );
    assert!(document.starts_with(&gather), "{document}");
    let end = format!(r#"</Say></Gather><Redirect method="POST">{next}</Redirect>"#);
    assert!(document.ends_with(&end), "{document}");
}

#[tokio::test]
async fn opt_out_of_a_person_who_was_called_yesterday_blocks_the_number() {
    let stage = stage().await;
    let call = dialled(&stage, DAY, |_| ()).await;
    let caller = Caller::new(&stage, PERSON);
    for _ in 0..2 {
        assert_eq!(caller.opts_out().await, ["Done."]);
        assert_eq!(blocked(&stage).await, [PERSON]);
    }
    let stored = stage.stored(&call.call_id.to_string()).await;
    let effects = stored.get_array("effects").unwrap();
    assert_eq!(effects.len(), 1, "{effects:?}");
    let effect = effects[0].as_document().unwrap();
    assert_eq!(effect.get_str("type").unwrap(), "opt_out");
    assert!(stored.get_bool("effects_open").unwrap());
    assert!(!stored.get_bool("opted_out").unwrap_or_default());
}

#[tokio::test]
async fn opt_out_of_a_number_that_was_not_called_blocks_nothing() {
    let stage = stage().await;
    dialled(&stage, 91 * DAY, |_| ()).await;
    dialled(&stage, DAY, |call| {
        call.to_number = "+12125550124".parse().unwrap();
    })
    .await;
    dialled(&stage, DAY, |call| {
        call.twilio_sid = None;
        call.dial_outcome = Some(DialOutcome::Refused);
        call.status = CallStatus::Failed;
    })
    .await;
    let due_at = DateTime::from_millis(DateTime::now().timestamp_millis() + 3_600_000);
    dialled(&stage, DAY, |call| {
        call.twilio_sid = None;
        call.dial_outcome = None;
        let ends = due_at.saturating_add_duration(DAY);
        *call = call
            .clone()
            .scheduled(due_at, ends, WaitingFor::ScheduledTime);
    })
    .await;
    assert_eq!(Caller::new(&stage, PERSON).opts_out().await, ["Done."]);
    assert!(blocked(&stage).await.is_empty());
}

#[tokio::test]
async fn time_of_the_dial_counts_not_that_of_the_request() {
    for (begun, is_blocked) in [(DAY, true), (91 * DAY, false)] {
        let stage = stage().await;
        let ago = i64::try_from(begun.as_millis()).unwrap();
        let at = DateTime::from_millis(DateTime::now().timestamp_millis() - ago);
        dialled(&stage, 300 * DAY, |call| call.dial_begun_at = Some(at)).await;
        assert_eq!(Caller::new(&stage, PERSON).opts_out().await, ["Done."]);
        assert_eq!(!blocked(&stage).await.is_empty(), is_blocked);
    }
}

#[tokio::test]
async fn number_is_blocked_in_the_spelling_that_was_called() {
    let stage = stage().await;
    dialled(&stage, DAY, |call| {
        call.to_number = "+525512345678".parse().unwrap();
    })
    .await;
    let caller = Caller::new(&stage, "+5215512345678");
    assert_eq!(caller.opts_out().await, ["Done."]);
    assert_eq!(blocked(&stage).await, ["+525512345678"]);
}

#[tokio::test]
async fn caller_without_a_number_is_told_so_and_nothing_is_blocked() {
    let stage = stage().await;
    dialled(&stage, DAY, |_| ()).await;
    for number in [
        "+266696687",
        "+7378742833",
        "anonymous",
        "",
        "sip:person@example.com",
        "client:person",
        "2125550123",
    ] {
        let caller = Caller::new(&stage, number);
        assert_eq!(caller.hears("/twilio/inbound", "").await.1.len(), 2);
        assert_eq!(caller.opts_out().await, ["Hidden."], "{number}");
    }
    assert!(blocked(&stage).await.is_empty());
}

#[tokio::test]
async fn language_of_the_last_call_is_spoken() {
    let stage = stage().await;
    for (ago, language) in [(2, "fr-FR"), (1, "es-MX")] {
        let language = language.parse().ok();
        dialled(&stage, ago * DAY, |call| call.language = language).await;
    }
    let caller = Caller::new(&stage, PERSON);
    let (document, said) = caller.hears("/twilio/inbound", "").await;
    assert_eq!(said, ["Ejemplo.", "Pulse 9."]);
    assert!(document.contains("lang=es-MX&plays=1"), "{document}");
    let (_, said) = caller
        .hears("/twilio/inbound?lang=es-MX&plays=1", "9")
        .await;
    assert_eq!(said, ["Hecho."]);
    // There is no notice in French.
    dialled(&stage, Duration::ZERO, |call| {
        call.language = "fr-FR".parse().ok();
    })
    .await;
    let (_, said) = caller.hears("/twilio/inbound", "").await;
    assert_eq!(said, ["This is Example.", "Press 9."]);
}

#[tokio::test]
async fn words_are_repeated_after_silence_and_wrong_keys_three_plays_at_most() {
    let stage = stage().await;
    let caller = Caller::new(&stage, PERSON);
    for keys in ["", "#", "*", "1", "99"] {
        for plays in 1..=4 {
            let path = format!("/twilio/inbound?lang=en-US&plays={plays}");
            let (document, said) = caller.hears(&path, keys).await;
            if plays < 3 {
                assert_eq!(said, ["This is Example.", "Press 9."], "{keys}");
                let next = format!("plays={}#", plays + 1);
                assert_eq!(document.matches(&next).count(), 2, "{document}");
            } else {
                assert_eq!(document, "<Hangup></Hangup>");
            }
        }
    }
    let (document, _) = caller.hears("/twilio/inbound?plays=many", "").await;
    assert_eq!(document, "<Hangup></Hangup>");
}

#[tokio::test]
async fn call_without_an_opt_out_key_ends_after_the_words() {
    let stage = stage().await.set("OPT_OUT_KEY", "");
    let caller = Caller::new(&stage, PERSON);
    let (document, said) = caller.hears("/twilio/inbound", "9").await;
    assert_eq!(said, ["This is Example."]);
    assert!(document.ends_with("</Say><Hangup></Hangup>"), "{document}");
    let silent = stage.set("NOTICES", "");
    let caller = Caller::new(&silent, PERSON);
    assert_eq!(caller.hears("/twilio/inbound", "").await.1, [GOODBYE]);
}

#[tokio::test]
async fn key_works_without_a_notice() {
    let stage = stage().await.set("NOTICES", "");
    dialled(&stage, DAY, |_| ()).await;
    let caller = Caller::new(&stage, PERSON);
    let (_, said) = caller.hears("/twilio/inbound", "").await;
    assert_eq!(said, ["To get no further calls from us, press 9."]);
    let confirmed = ["You will get no further calls from us. Goodbye."];
    assert_eq!(caller.opts_out().await, confirmed);
    assert_eq!(blocked(&stage).await, [PERSON]);
}

#[tokio::test]
async fn opt_out_in_an_outage_goes_into_the_queue() {
    let queue = Queue::new().await;
    let (stage, line) = stage().await.spilling_into(&queue).behind_proxy().await;
    dialled(&stage, DAY, |_| ()).await;
    let (caller, nobody) = (
        Caller::new(&stage, PERSON),
        Caller::new(&stage, "+12125550124"),
    );
    line.cut();
    let (_, said) = caller.hears("/twilio/inbound", "").await;
    assert_eq!(said, ["This is Example.", "Press 9."]);
    for caller in [&caller, &nobody] {
        assert_eq!(caller.opts_out().await, ["Done."]);
    }
    line.restore();
    assert!(blocked(&stage).await.is_empty());
    let messages = queue.messages().await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages.iter().all(|message| message["topic"] == "inbound"));
    replay(&stage, messages).await;
    assert_eq!(blocked(&stage).await, [PERSON]);
}

#[tokio::test]
async fn opt_out_that_nobody_takes_is_not_confirmed() {
    let (stage, line) = stage().await.behind_proxy().await;
    dialled(&stage, DAY, |_| ()).await;
    let caller = Caller::new(&stage, PERSON);
    let router = router(&stage);
    line.cut();
    let mut path = PLAYED.to_owned();
    for retry in 1..=3 {
        let keys = if retry == 1 { "9" } else { "" };
        let document = twiml(&caller.request(&path, keys).send(&router).await);
        let document = document.replace("&amp;", "&");
        assert_eq!(said(&document), ["One moment."]);
        let (_, next) = document.split_once(BASE_URL).unwrap();
        assert!(next.contains(&format!("&retry={retry}")), "{document}");
        assert!(next.contains("&pressed=9"), "{document}");
        next.split('#').next().unwrap().clone_into(&mut path);
    }
    let document = twiml(&caller.request(&path, "").send(&router).await);
    assert_eq!(said(&document), [APOLOGY]);
    line.restore();
    assert!(blocked(&stage).await.is_empty());
    let document = twiml(&caller.request(&path, "").send(&router).await);
    assert_eq!(said(&document), ["Done."]);
    assert_eq!(blocked(&stage).await, [PERSON]);
}

#[tokio::test]
async fn call_is_forwarded_after_silence_if_the_rules_allow_it() {
    let to = "+12125550199";
    let stage = stage().await.set("INBOUND_FORWARD_TO", to);
    let caller = Caller::new(&stage, PERSON);
    let dial = format!(
        r#"<Dial callerId="{FROM_NUMBER}" timeLimit="3600" timeout="25"><Number>{to}</Number></Dial><Hangup></Hangup>"#
    );
    assert_eq!(caller.hears(PLAYED, "").await.0, dial);
    assert_eq!(caller.hears(PLAYED, "1").await.1.len(), 2);
    let without_key = stage.clone().set("OPT_OUT_KEY", "");
    let caller = Caller::new(&without_key, PERSON);
    let (document, said) = caller.hears("/twilio/inbound", "").await;
    assert_eq!(said, ["This is Example."]);
    assert!(document.contains("plays=1#"), "{document}");
    assert_eq!(caller.hears(PLAYED, "").await.0, dial);

    let dao = Dao::from_settings(&stage.settings()).unwrap();
    dao.switch_dialing(false, None, None).await.unwrap();
    assert_eq!(caller.hears(PLAYED, "").await.0, "<Hangup></Hangup>");
    dao.switch_dialing(true, None, None).await.unwrap();
    let number = doc! { "number": to };
    let numbers = stage.database().collection::<Document>("blocked_numbers");
    numbers.insert_one(number).await.unwrap();
    assert_eq!(caller.hears(PLAYED, "").await.0, "<Hangup></Hangup>");
}

#[tokio::test]
async fn forwarded_call_that_comes_back_is_hung_up() {
    let stage = stage().await.set("INBOUND_FORWARD_TO", FROM_NUMBER);
    let caller = Caller::new(&stage, PERSON);
    assert_eq!(caller.hears(PLAYED, "").await.0, "<Hangup></Hangup>");
}

#[tokio::test]
async fn call_is_not_forwarded_in_an_outage() {
    let stage = stage().await.set("INBOUND_FORWARD_TO", "+12125550199");
    let (stage, line) = stage.behind_proxy().await;
    let caller = Caller::new(&stage, PERSON);
    line.cut();
    let (document, said) = caller.hears(PLAYED, "").await;
    assert_eq!(said, ["One moment."]);
    assert!(document.contains("&plays=1&retry=1#"), "{document}");
    let (_, said) = caller.hears(&format!("{PLAYED}&retry=3"), "").await;
    assert_eq!(said, [APOLOGY]);
}
