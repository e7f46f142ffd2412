//! The second part of the [`Scenario`]: calls, webhooks and an outage of the database.

use mongodb::bson::{Document, doc};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{AUTH_TOKEN, form, new_sid};

use super::host::send;
use super::marks::{ABROAD, API_KEY_SECRET, EMAIL, KEY, NAME, NOTE, NUMBER, OTHER_NUMBER, SCRIPT};
use super::scenario::{Scenario, long_ago, until};

impl Scenario {
    /// Places a recorded call, downloads its recording and deletes it. Returns the call's id and `CallSid`.
    pub async fn call(&mut self, user_id: &str) -> (String, String) {
        let order = |to: &str| {
            json!({
                "user_id": user_id, "to_number": to, "script": SCRIPT, "recording_enabled": true,
                "metadata": { NOTE: NAME, "secret": API_KEY_SECRET },
            })
        };
        self.ask("POST", "/calls/outbound", order(ABROAD), 422)
            .await;
        self.ask("POST", "/calls/outbound", order(testkit::FROM_NUMBER), 422)
            .await;
        let call = self
            .ask("POST", "/calls/outbound", order(NUMBER), 201)
            .await;
        self.ask("POST", "/calls/outbound", order(NUMBER), 201)
            .await;
        let id = call.field("call_id");
        let path = format!("/calls/{id}");
        let done = until("end of the call", async || {
            let call = self.ask("GET", &path, Value::Null, 200).await;
            (call.field("status") == "completed").then_some(call)
        })
        .await;
        let sid = done.field("twilio_sid");
        self.ask("POST", &format!("{path}/hangup"), json!({}), 409)
            .await;
        let recording = until("recording", async || {
            let list = self
                .ask("GET", &format!("{path}/recordings"), Value::Null, 200)
                .await;
            let first = list.json()["recordings"][0].take();
            (first["status"] == "completed").then_some(first)
        })
        .await;
        let path = format!("/recordings/{}", recording["id"].as_str().expect("a name"));
        let media = self
            .ask("GET", &format!("{path}/media"), Value::Null, 307)
            .await;
        let media = media.location.replacen(&self.host.url, "", 1);
        let heard = send(
            self.host
                .request(Method::GET, &media)
                .header("range", "bytes=0-3"),
        )
        .await;
        assert_eq!((heard.status, &heard.text[..]), (206, "RIFF"));
        let forged = send(self.host.request(Method::GET, &format!("{media}x"))).await;
        self.expect(forged, 403);
        self.ask("DELETE", &path, Value::Null, 204).await;
        (id, sid)
    }

    /// Sends webhooks that are repeated, malformed, forged, or of an unknown call.
    pub async fn webhooks(&mut self, id: &str, sid: &str) {
        let path = |topic: &str| format!("/twilio/{topic}?call_id={id}");
        let (status, recording, voice) = (path("status"), path("recording"), path("voice"));
        let nobodys = new_sid();
        let personal = [
            ("To", NUMBER),
            ("Called", OTHER_NUMBER),
            ("CallerName", NAME),
            ("SpeechResult", SCRIPT),
        ];
        let told =
            |sid, status| [&[("CallSid", sid), ("CallStatus", status)], &personal[..]].concat();
        for _ in 0..2 {
            let mut repeated = told(sid, "completed");
            repeated.extend([
                ("SequenceNumber", "3"),
                ("Timestamp", "Thu, 01 Jan 2026 00:00:00 +0000"),
            ]);
            let answer = self.host.webhook(&status, &repeated).await;
            self.expect(answer, 200);
        }
        let failed = [
            ("SequenceNumber", "2"),
            ("ErrorCode", "21217"),
            (
                "ErrorMessage",
                "Phone number +1 415-322-7613 does not appear to be valid",
            ),
        ];
        let failed = [&told(sid, "failed"), &failed[..]].concat();
        let (orphan, other) = (
            told(nobodys.as_str(), "ringing"),
            told(nobodys.as_str(), "ringing"),
        );
        let unreadable = [&personal[..], &[("CallStatus", NUMBER)]].concat();
        for (path, form, expected) in [
            (&status[..], &failed, 200),
            ("/twilio/status", &orphan, 200),
            (&status, &other, 200),
            (&status, &unreadable, 400),
            (&recording, &unreadable, 400),
            (&voice, &unreadable, 200),
            ("/twilio/voice", &orphan, 200),
            (&voice, &told(sid, "in-progress"), 200),
        ] {
            let answer = self.host.webhook(path, form).await;
            self.expect(answer, expected);
        }
        // `replay` checks the signature of this one.
        let failed = [&personal[..], &[("CallSid", sid), ("ErrorUrl", NOTE)]].concat();
        let answer = self.host.webhook(&path("fallback"), &failed).await;
        self.expect(answer, 200);
        for path in [&status, &recording, &voice] {
            let forged = self
                .host
                .request(Method::POST, path)
                .header("x-twilio-signature", AUTH_TOKEN)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form(&personal));
            let answer = send(forged).await;
            self.expect(answer, 403);
        }
    }

    /// Places a call whose answer is lost and that Twilio does not know. Reconcile gives it up.
    pub async fn lost_dial(&mut self, user_id: &str) {
        let faults = json!({ "rest": [{ "on": "create", "action": "reset" }] });
        self.twilio.faults(&faults).await;
        let order = json!({ "user_id": user_id, "to_number": OTHER_NUMBER, "script": SCRIPT });
        let call = self.ask("POST", "/calls/outbound", order, 202).await;
        self.twilio.faults(&json!({})).await;
        // Reconcile leaves calls alone that changed within the last minute.
        let calls = self.stage.database().collection::<Document>("calls");
        let this = doc! { "call_id": call.field("call_id") };
        let older = doc! { "$set": { "updated_at": long_ago(), "dial_deadline": long_ago() } };
        let aged = calls.update_one(this, older).await;
        assert_eq!(aged.expect("the database answers").matched_count, 1);
        let path = format!("/calls/{}", call.field("call_id"));
        until("end of the lost dial", async || {
            self.host.invoke("reconcile", &json!({})).await;
            let call = self.ask("GET", &path, Value::Null, 200).await;
            (call.field("status") == "failed").then_some(())
        })
        .await;
    }

    /// Cuts the database off and restores it.
    pub async fn outage(&mut self, user_id: &str, id: &str, sid: &str) {
        self.database.cut();
        let status = format!("/twilio/status?call_id={id}");
        let news = [
            ("CallSid", sid),
            ("CallStatus", "busy"),
            ("SequenceNumber", "9"),
            ("To", NUMBER),
            ("CallerName", NAME),
        ];
        let answer = self.host.webhook(&status, &news).await;
        self.expect(answer, 200);
        for retry in ["", "&retry=3"] {
            let voice = format!("/twilio/voice?call_id={id}{retry}");
            let answer = self.host.webhook(&voice, &news).await;
            self.expect(answer, 200);
        }
        let user = json!({ "name": NAME, "email": format!("x{EMAIL}"), "phone_number": NUMBER });
        self.ask("POST", "/users", user, 503).await;
        self.host.invoke("reconcile", &json!({})).await;
        self.database.restore();
        let path = format!("/users/{user_id}");
        until("database", async || {
            let request = self.host.request(Method::GET, &path).bearer_auth(KEY);
            (send(request).await.status == 200).then_some(())
        })
        .await;

        let unreadable = json!({ "topic": "status", "form": SCRIPT, "call_id": NUMBER });
        self.queue.put(&unreadable.to_string()).await;
        self.queue.put(&format!("{NAME} {EMAIL}")).await;
        let batch = self.queue.event().await;
        let answer = self.host.invoke("replay", &batch).await;
        let failed = answer.json()["batchItemFailures"].take();
        assert_eq!(failed.as_array().map(Vec::len), Some(2), "{}", answer.text);
        let wrong_id = json!({ "call_id": NUMBER, "lease_id": NOTE }).to_string();
        let records = json!([
            { "messageId": "1", "body": format!("{NAME} {EMAIL}") },
            { "messageId": "2", "body": wrong_id },
        ]);
        let unreadable = json!({ "Records": records });
        for function in ["dial", "effects"] {
            let answer = self.host.invoke(function, &unreadable).await;
            let failed = answer.json()["batchItemFailures"].take();
            assert_eq!(failed.as_array().map(Vec::len), Some(2), "{}", answer.text);
        }
        let note = json!({ "source": EMAIL, NOTE: SCRIPT });
        for function in ["dispatch", "effects"] {
            assert_eq!(self.host.invoke(function, &note).await.status, 200);
        }
        self.ask("GET", "/batches/1/2/3", Value::Null, 404).await;
        // Neither a batch nor a request.
        for function in ["replay", "dial", "effects", "users", "media"] {
            let event = json!({ "Records": [{ "body": { NAME: NUMBER } }], NOTE: SCRIPT });
            assert_eq!(self.host.invoke(function, &event).await.status, 502);
            let event = json!({ "Records": NUMBER, "version": EMAIL });
            assert_eq!(self.host.invoke(function, &event).await.status, 502);
        }
    }
}
