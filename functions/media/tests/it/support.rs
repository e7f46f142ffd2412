//! The router of `media`, and requests for audio.

use axum::Router;
use mongodb::bson::DateTime;
use outdial::{config::Settings, http::media_url::MediaSigner};
use testkit::{ACCOUNT_SID, AUTH_TOKEN, Answer, Request, Twilio};
use twilio_sim::clock::Speed;

const KEY: &str = "signs-media-in-tests";

/// A simulated Twilio with one recording, and the function that streams from it.
pub struct Fixture {
    pub twilio: Twilio,
    pub function: Router,
    /// The `RecordingSid`.
    pub sid: String,
    /// The recording's audio, fetched from Twilio directly.
    pub audio: Vec<u8>,
}

/// Returns the function's settings with Twilio at this URL.
pub fn settings(twilio: &str) -> Settings {
    let variables = [
        ("ENVIRONMENT", "development"),
        ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
        ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
        ("TWILIO_API_BASE_URL", twilio),
        ("MEDIA_SIGNING_KEY", KEY),
    ];
    Settings::from_pairs(variables).unwrap()
}

/// Returns the function with Twilio at this URL.
pub fn function(twilio: &str) -> Router {
    media::router(media::App::from_settings(&settings(twilio)).unwrap())
}

/// Returns the path and query of a URL that was signed this many seconds ago.
pub fn signed(sid: &str, seconds_ago: i64) -> String {
    signed_by(KEY, sid, seconds_ago)
}

pub fn signed_by(key: &str, sid: &str, seconds_ago: i64) -> String {
    let now = DateTime::now().timestamp_millis() / 1_000;
    MediaSigner::new(&key.into()).url("/media", &sid.parse().unwrap(), now - seconds_ago)
}

impl Fixture {
    pub async fn start() -> Self {
        let twilio = Twilio::start_at(Speed::parse("1000").unwrap()).await;
        let sid = twilio.record().await;
        let audio = rest(
            &twilio,
            reqwest::Method::GET,
            &format!("/Recordings/{sid}.wav"),
            &[],
        )
        .await;
        Self {
            function: function(twilio.url()),
            audio: audio.bytes().await.unwrap().to_vec(),
            twilio,
            sid,
        }
    }

    /// Returns the response to a valid URL, with a `Range` header unless `range` is empty.
    pub async fn get(&self, range: &str) -> Answer {
        let request = Request::new("GET", &signed(&self.sid, 0));
        let request = if range.is_empty() {
            request
        } else {
            request.header("range", range)
        };
        request.send(&self.function).await
    }

    /// Deletes the recording at Twilio.
    pub async fn delete(&self) {
        let answer = rest(
            &self.twilio,
            reqwest::Method::DELETE,
            &format!("/Recordings/{}.json", self.sid),
            &[],
        )
        .await;
        assert_eq!(answer.status(), 204);
    }

    /// Returns how many times the function fetched audio from the simulator.
    pub async fn fetches(&self) -> usize {
        self.twilio.requests("GET", ".wav").await.len()
    }
}

async fn rest(
    twilio: &Twilio,
    method: reqwest::Method,
    path: &str,
    form: &[(&str, &str)],
) -> reqwest::Response {
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT_SID}{path}", twilio.url());
    let request = reqwest::Client::new()
        .request(method, url)
        .basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
    request.form(form).send().await.unwrap()
}
