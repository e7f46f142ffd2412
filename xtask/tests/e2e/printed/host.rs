//! The functions' binaries on a local Lambda.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use testkit::{AUTH_TOKEN, Stage, form};
use uuid::Uuid;

use super::lines::STACK;
use crate::xtask;

/// Variables that must not change what functions print.
const VARIABLES: [(&str, &str); 4] = [
    ("AWS_LAMBDA_LOG_FORMAT", "Text"),
    ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
    ("RUST_LOG", "trace"),
    ("RUST_BACKTRACE", "full"),
];

/// All functions behind a gateway, with one file for all that they print. They end with the test.
pub struct Host {
    process: Child,
    output: PathBuf,
    http: reqwest::Client,
    pub url: String,
}

impl Host {
    /// Starts the functions with the stage's variables.
    pub fn start(stage: &Stage, log_level: &str) -> Self {
        let port = testkit::free_port().expect("a free port");
        let url = format!("http://127.0.0.1:{port}");
        let output = std::env::temp_dir().join(format!("outdial-{}.log", Uuid::new_v4()));
        let mut process = xtask(&["host", "--port", &port.to_string(), "--output"])
            .arg(&output)
            .envs(stage.variables())
            .envs(VARIABLES)
            .env("BASE_URL", &url)
            .env("FALLBACK_URL", format!("{url}/twilio/fallback"))
            .env("LOG_LEVEL", log_level)
            .env("STACK_NAME", STACK)
            .stdout(Stdio::piped())
            .spawn()
            .expect("xtask runs");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it listens");
        assert_eq!(line.trim(), format!("listening on {url}"));
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self {
            process,
            output,
            http,
            url,
        }
    }

    /// A request to the gateway.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Sends a webhook with Twilio's signature.
    pub async fn webhook(&self, path: &str, params: &[(&str, &str)]) -> Answer {
        let signature = outdial::twilio::sign(&format!("{}{path}", self.url), params, AUTH_TOKEN);
        let request = self
            .request(Method::POST, path)
            .header("x-twilio-signature", signature)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(params));
        send(request).await
    }

    /// Invokes a function with an event that is not from HTTP.
    pub async fn invoke(&self, function: &str, event: &Value) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        send(self.request(Method::POST, &path).json(event)).await
    }

    /// Everything printed so far.
    pub fn printed(&self) -> String {
        let bytes = std::fs::read(&self.output).expect("the output is a file");
        String::from_utf8(bytes).expect("the output is UTF-8")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if !std::thread::panicking() {
            let _ = std::fs::remove_file(&self.output);
        }
    }
}

/// A response.
pub struct Answer {
    pub status: u16,
    pub location: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn field(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let response: Response = request.send().await.expect("the gateway answers");
    let location = response.headers().get("location");
    Answer {
        status: response.status().as_u16(),
        location: location
            .and_then(|url| url.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        text: String::from_utf8_lossy(&response.bytes().await.expect("a body")).into_owned(),
    }
}
