//! A recording at the simulator, for events that request one.
//!
//! A new simulator has no recordings, and it chooses their SIDs itself. So it plays a call first, and a media event with a valid
//! signature is changed to request that call's recording. An event with an invalid signature stays unchanged.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;
use stack::environment::Credentials;
use stack::http;
use url::form_urlencoded;

use crate::Result;

const TWIML: &str =
    "<Response><Say>This is the recording that the event requests.</Say></Response>";

/// Returns true if the event requests a recording's audio with a valid signature.
pub fn is_requested(event: &Value, signing_key: &str) -> bool {
    let query = &event["queryStringParameters"];
    let parameter = |name: &str| query[name].as_str().unwrap_or_default();
    event["rawPath"] == "/media"
        && parameter("signature")
            == signature(
                parameter("recording_sid"),
                parameter("expires"),
                signing_key,
            )
}

/// Changes the event to request another recording, with its signature.
pub fn request(event: &mut Value, sid: &str, signing_key: &str) {
    let query = &mut event["queryStringParameters"];
    let expires = query["expires"].as_str().unwrap_or_default().to_owned();
    query["recording_sid"] = sid.into();
    query["signature"] = signature(sid, &expires, signing_key).into();
    let pairs = query.as_object().into_iter().flatten();
    let pairs = pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
    let raw = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    event["rawQueryString"] = raw.into();
}

fn signature(sid: &str, expires: &str, signing_key: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, signing_key.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, format!("{sid}\n{expires}").as_bytes()))
}

/// Plays a recorded call at the simulator, and returns the SID of the completed recording.
///
/// # Errors
///
/// When the simulator refuses the call or records nothing.
pub async fn play_one(url: &str, account: &Credentials) -> Result<String> {
    let Credentials {
        account_sid,
        auth_token,
    } = account;
    let client = http::client()?;
    let resources = format!("{url}/2010-04-01/Accounts/{account_sid}");
    let call = [
        ("To", "+14155552671"),
        ("From", "+15005550006"),
        ("Twiml", TWIML),
        ("Record", "true"),
    ];
    let placed = client.post(format!("{resources}/Calls.json"));
    let placed = placed
        .basic_auth(account_sid, Some(auth_token))
        .form(&call)
        .send()
        .await?;
    if !placed.status().is_success() {
        return Err(format!("the simulator refused a call: {}", placed.text().await?).into());
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let list = client.get(format!("{resources}/Recordings.json"));
        let list: Value = list
            .basic_auth(account_sid, Some(auth_token))
            .send()
            .await?
            .json()
            .await?;
        let recording = &list["recordings"][0];
        if let (Some(sid), Some("completed")) =
            (recording["sid"].as_str(), recording["status"].as_str())
        {
            return Ok(sid.to_owned());
        }
        if Instant::now() > deadline {
            return Err(format!("the simulator made no recording: {list}").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
