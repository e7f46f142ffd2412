//! `outdial dialing off --cancel-queued` ends the calls that are queued or ringing, and no others. The tests run on several
//! threads, because the simulator must answer while a command is awaited.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use outdial::dao::Dao;
use outdial::domain::{Call, CallSid, CallStatus, DialOutcome};
use serde_json::{Value, json};
use testkit::{ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER, Stage, Twilio, new_sid};

use crate::{fail, outdial_on, succeed};

/// Special numbers of the simulator: the first rings for 25 s, the second stays queued for 30 s, the third answers after 3 s.
const RINGS: &str = "+12125550112";
const QUEUED: &str = "+12125550109";
const ANSWERS: &str = "+14155552671";

/// A limit that is long enough for a call to be answered and for the command to poll twice.
const PATIENCE: Duration = Duration::from_secs(30);

fn cancel(stage: &Stage) -> Command {
    outdial_on(stage, &["dialing", "off", "--cancel-queued"])
}

/// Polls until `look` finds something.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "there is no {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Places a call at Twilio, and waits until Twilio reports this status.
async fn dial(twilio: &Twilio, to: &str, status: &str) -> CallSid {
    let form = [
        ("To", to),
        ("From", FROM_NUMBER),
        ("Twiml", "<Response><Pause length=\"60\"/></Response>"),
    ];
    let path = format!("2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json");
    let request = reqwest::Client::new().post(format!("{}/{path}", twilio.url()));
    let request = request
        .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN))
        .form(&form);
    let answer = request.send().await.expect("the simulator answers");
    let call: Value = answer.json().await.expect("a call");
    let sid: CallSid = call["sid"]
        .as_str()
        .and_then(|sid| sid.parse().ok())
        .expect("a name");
    until(status, async || {
        (self::status(twilio, &sid).await == status).then_some(())
    })
    .await;
    sid
}

/// The status of the call at Twilio.
async fn status(twilio: &Twilio, sid: &CallSid) -> String {
    let calls = twilio.calls().await;
    let call = calls.iter().find(|call| call["sid"] == sid.as_str());
    let call = call.unwrap_or_else(|| panic!("no call {sid}: {calls:?}"));
    call["status"].as_str().expect("a status").to_owned()
}

/// Stores a call with this `CallSid`.
async fn store(stage: &Stage, sid: &CallSid, status: CallStatus) -> Call {
    let change = |call: &mut Call| {
        call.twilio_sid = Some(sid.clone());
        call.status = status;
    };
    stage.call(change).await
}

async fn stored_status(stage: &Stage, call: &Call) -> String {
    let stored = stage.stored(&call.call_id.to_string()).await;
    stored.get_str("status").expect("a status").to_owned()
}

fn unnamed(call: &mut Call) {
    call.twilio_sid = None;
    call.status = CallStatus::Initiated;
    call.dial_outcome = Some(DialOutcome::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_and_ringing_calls_end_and_answered_or_foreign_ones_continue() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let (queued, rings, answered, strangers) = tokio::join!(
        dial(&twilio, QUEUED, "queued"),
        dial(&twilio, RINGS, "ringing"),
        dial(&twilio, ANSWERS, "in-progress"),
        dial(&twilio, RINGS, "ringing"),
    );
    let waiting = [
        store(&stage, &queued, CallStatus::Initiated).await,
        store(&stage, &rings, CallStatus::Ringing).await,
    ];
    // The status callback of the answer is late.
    store(&stage, &answered, CallStatus::Ringing).await;
    let talks = store(&stage, &new_sid(), CallStatus::InProgress).await;
    let ended = store(&stage, &new_sid(), CallStatus::Completed).await;
    let unnamed = stage.call(unnamed).await;

    let stdout = succeed(&mut cancel(&stage));
    assert!(stdout.starts_with("dialling is off since"), "{stdout}");
    for words in [
        "2 ended",
        "1 answered before",
        "1 without a CallSid",
        "0 not ended",
    ] {
        assert!(stdout.contains(words), "{stdout}");
    }
    assert!(stdout.ends_with("in progress: 1\n"), "{stdout}");
    for call in &waiting {
        assert_eq!(stored_status(&stage, call).await, "canceled");
        let sid = call.twilio_sid.as_ref().expect("it has one");
        assert_eq!(status(&twilio, sid).await, "canceled");
    }
    assert_eq!(status(&twilio, &answered).await, "in-progress");
    assert_eq!(status(&twilio, &strangers).await, "ringing");
    assert_eq!(stored_status(&stage, &talks).await, "in-progress");
    assert_eq!(stored_status(&stage, &ended).await, "completed");
    let stored = stage.stored(&unnamed.call_id.to_string()).await;
    assert_eq!(stored.get_bool("hangup_requested").ok(), Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_call_stops_no_other_and_is_named() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let rings = dial(&twilio, RINGS, "ringing").await;
    let calls = stage.database().collection::<Document>("calls");
    // Twilio does not know this call.
    let lost = store(&stage, &new_sid(), CallStatus::Queued).await;
    let odd = [
        doc! { "call_id": "of-a-number", "twilio_sid": 7, "status": "ringing" },
        doc! { "call_id": 7, "status": "initiated" },
        // The next call still ends.
        doc! {
            "call_id": { "$oid": "x" }, "twilio_sid": rings.as_str(), "status": "ringing",
            "metadata": { "$date": "order-17" },
        },
    ];
    calls.insert_many(odd).await.expect("they are stored");

    for ended in ["1 ended", "0 ended"] {
        let (stdout, stderr) = fail(&mut cancel(&stage));
        assert!(
            stdout.contains(ended) && stdout.contains("3 not ended"),
            "{stdout}{stderr}"
        );
        assert!(
            stderr.contains("calls that could not be ended: 3; repeat the command"),
            "{stderr}"
        );
        let name = format!("call {} was not ended: Twilio refused", lost.call_id);
        assert!(stderr.contains(&name), "{stderr}");
        assert!(stderr.contains("its twilio_sid cannot be read"), "{stderr}");
        assert!(stderr.contains("its call_id cannot be read"), "{stderr}");
    }
    assert_eq!(status(&twilio, &rings).await, "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancellation_is_retried_when_twilios_response_is_lost() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let rings = dial(&twilio, RINGS, "ringing").await;
    let call = store(&stage, &rings, CallStatus::Ringing).await;
    // Twilio ends the call, but every response of the first request is lost.
    let rule = json!({ "on": "update", "when": "after", "action": "error", "requests": [1, 2, 3] });
    twilio.faults(&json!({ "seed": 1, "rest": [rule] })).await;
    let stdout = succeed(&mut cancel(&stage));
    assert!(
        stdout.contains("1 ended") && stdout.contains("0 not ended"),
        "{stdout}"
    );
    assert_eq!(stored_status(&stage, &call).await, "canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn dialling_is_switched_off_without_a_twilio_account() {
    let stage = Stage::new().await.set("TWILIO_AUTH_TOKEN", "");
    stage.user().await;
    let (stdout, stderr) = fail(&mut cancel(&stage));
    assert!(stdout.starts_with("dialling is off since"), "{stdout}");
    assert!(
        stderr.contains("error: dialling is off, but not all queued or ringing calls"),
        "{stderr}"
    );
    assert!(stderr.contains("TWILIO_AUTH_TOKEN is missing"), "{stderr}");
    let another = stage.set("TWILIO_AUTH_TOKEN", "of-another-account");
    let twilio = Twilio::start().await;
    let another = another.playing(&twilio);
    store(&another, &new_sid(), CallStatus::Queued).await;
    let (stdout, stderr) = fail(&mut cancel(&another));
    assert!(stdout.contains("1 not ended"), "{stdout}{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn call_that_passed_the_switch_just_before_ends_too() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    stage.user().await;
    let dao = Dao::new(&stage.settings().mongo().expect("a database")).expect("a URI");
    let running = cancel(&stage)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let running = running.expect("outdial runs");
    until("switch that is off", async || {
        let switch = dao.dialing().await.expect("the database answers");
        (!switch.on).then_some(())
    })
    .await;
    let call = stage
        .call(|call| {
            unnamed(call);
            call.dial_deadline = Some(DateTime::from_millis(
                DateTime::now().timestamp_millis() + 20_000,
            ));
        })
        .await;
    until("hang-up that waits", async || {
        dao.hangup_waits(call.call_id)
            .await
            .expect("the database answers")
            .then_some(())
    })
    .await;
    let rings = dial(&twilio, RINGS, "ringing").await;
    dao.record_call_sid(call.call_id, &rings)
        .await
        .expect("it is stored");

    let output = running.wait_with_output().expect("it ends");
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && stdout.contains("1 ended"),
        "{stdout}"
    );
    assert_eq!(status(&twilio, &rings).await, "canceled");
    assert_eq!(stored_status(&stage, &call).await, "canceled");
}
