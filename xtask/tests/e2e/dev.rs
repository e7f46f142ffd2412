//! The stack that is left running.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::xtask;

/// Inherited by every process that a command starts, so that they can be found wherever they end up.
pub const MARK: &str = "OUTDIAL_END_TO_END_MARK";

#[tokio::test]
async fn the_local_api_answers_as_the_deployed_one_does() {
    let dev = Dev::start();

    let json = |request: RequestBuilder| request.header("content-type", "application/json");
    let not_utf_8 = json(dev.request(Method::POST, "/users")).body(&b"{\"name\": \"\xff\"}"[..]);
    assert_problem(send(not_utf_8).await, 400, "malformed_json").await;

    // Two headers of one name are one, with a comma between their values.
    let email = format!("{}@example.com", Uuid::new_v4());
    let user = json!({ "name": "Ada Lovelace", "email": email, "phone_number": "+14155552671" });
    let create = || dev.request(Method::POST, "/users").json(&user);
    let key = "idempotency-key";
    let created = send(create().header(key, "a").header(key, "b")).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let repeated = send(create().header(key, "a,b")).await;
    assert_eq!(repeated.headers()["idempotent-replayed"], "true");

    // What no other route takes goes to health, and OPTIONS to the path's own function.
    for path in ["/nowhere", "/twilio/voice/x", "/recordings"] {
        assert_problem(send(dev.request(Method::GET, path)).await, 404, "not_found").await;
    }
    let options = send(dev.request(Method::OPTIONS, "/users")).await;
    assert_eq!(options.headers()["allow"], "GET,HEAD,POST");
    assert_problem(options, 405, "method_not_allowed").await;
    let head = send(dev.request(Method::HEAD, "/openapi.json")).await;
    assert_eq!(head.status(), StatusCode::OK);

    // What is malformed is the client's fault.
    let too_long = dev
        .request(Method::POST, "/users")
        .body(vec![b' '; 11_000_000]);
    assert_eq!(send(too_long).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for request in [
        "POST /users HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        "GET /users HTTP/1.1\r\nConnection: close\r\nX-Note: \u{e9}\r\nAuthorization: Bearer \u{e9}\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nConnection: close\r\n\r\n",
        "POST /2015-03-31/functions/nobody/invocations HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "nonsense\r\n\r\n",
    ] {
        let answer = dev.answer_to(request);
        assert!(answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
    }
}

#[tokio::test]
async fn a_browser_finds_the_pages_of_the_local_api() {
    let dev = Dev::start();
    let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
    let page = |path| dev.request(Method::GET, path).header("accept", browser);
    let home = send(page("/")).await;
    assert_eq!(home.status(), StatusCode::OK);
    assert_eq!(home.headers()["content-type"], "text/html; charset=utf-8");
    let policy = home.headers()["content-security-policy"].to_str();
    assert!(policy.expect("text").starts_with("default-src 'none'"));
    let text = home.text().await.expect("a page");
    let links: Vec<_> = text
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(links, ["/console", "/docs", "/health"]);
    for link in links {
        assert_eq!(send(page(link)).await.status(), StatusCode::OK, "{link}");
    }
    assert_problem(send(page("/nowhere")).await, 404, "not_found").await;
    assert_problem(send(dev.request(Method::GET, "/")).await, 404, "not_found").await;
}

#[tokio::test]
async fn the_key_the_calls_and_the_recordings_outlive_a_restart() {
    let port = testkit::free_port().expect("a free port");
    let dev = Dev::start_at(port, &["--speed", "100"]);
    let user = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671" });
    let user = json_of(dev.request(Method::POST, "/users").json(&user)).await;
    let call = json!({
        "user_id": user["id"], "to_number": "+14155552671", "script": "Hello! Your order is ready.", "recording_enabled": true,
    });
    let call = json_of(dev.request(Method::POST, "/calls/outbound").json(&call)).await;
    let path = format!("/calls/{}", call["call_id"].as_str().expect("a name"));
    let recordings = format!("{path}/recordings");
    let finished = async {
        loop {
            let found = json_of(dev.request(Method::GET, &recordings)).await;
            if found["recordings"][0]["status"] == "completed" {
                break found["recordings"][0]["id"]
                    .as_str()
                    .expect("a name")
                    .to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let recording = tokio::time::timeout(Duration::from_secs(30), finished).await;
    let recording = recording.expect("a recording in time");
    let media = format!("/recordings/{recording}/media");
    let audio = bytes_of(dev.request(Method::GET, &media)).await;
    assert!(audio.starts_with(b"RIFF"));
    let call = json_of(dev.request(Method::GET, &path)).await;
    assert_eq!(call["status"], "completed");
    let key = dev.api_key().to_owned();

    let dev = dev.restart(port);
    assert_eq!(dev.api_key(), key);
    assert_eq!(json_of(dev.request(Method::GET, &path)).await, call);
    assert_eq!(bytes_of(dev.request(Method::GET, &media)).await, audio);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in KEPT.map(|kind| dev.kept(kind)) {
            let metadata = std::fs::metadata(&file).expect("it is kept");
            assert_eq!(
                metadata.permissions().mode() & 0o777,
                0o600,
                "{}",
                file.display()
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_a_stop_breaks_off_has_ended_after_the_restart() {
    let port = testkit::free_port().expect("a free port");
    let dev = Dev::start_at(port, &[]);
    let user = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": "+14155552671" });
    let user = json_of(dev.request(Method::POST, "/users").json(&user)).await;
    let call = json!({
        "user_id": user["id"], "to_number": "+14155552671", "script": "Your order is ready. ".repeat(50), "recording_enabled": true,
    });
    let call = json_of(dev.request(Method::POST, "/calls/outbound").json(&call)).await;
    let path = format!("/calls/{}", call["call_id"].as_str().expect("a name"));
    let recordings = format!("{path}/recordings");
    let shown = |dev: &Dev, wanted: [&'static str; 2]| {
        let (call, recordings) = (
            dev.request(Method::GET, &path),
            dev.request(Method::GET, &recordings),
        );
        let again = move |request: &RequestBuilder| json_of(request.try_clone().expect("no body"));
        let all = async move {
            loop {
                let found = again(&recordings).await;
                let status = again(&call).await["status"].clone();
                if [&status, &found["recordings"][0]["recording_status"]] == wanted {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), all)
    };
    let running = shown(&dev, ["in-progress", "in-progress"]).await;
    running.expect("a recording in time");

    let dev = dev.restart(port);
    let ended = shown(&dev, ["completed", "absent"]).await;
    ended.expect("its end in time");
}

/// What `dev` keeps beside the database.
const KEPT: [&str; 2] = ["secrets.json", "calls.jsonl"];

/// A running `cargo xtask dev`, ended with the test.
pub struct Dev {
    pub child: Child,
    pub mark: String,
    address: String,
    api_key: String,
    /// The folder of the database, deleted with the test; `None` if the next run goes on with it.
    storage: Option<PathBuf>,
    client: Client,
}

impl Dev {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more options.
    pub fn start_with(options: &[&str]) -> Self {
        Self::start_at(testkit::free_port().expect("a free port"), options)
    }

    /// Ends it as a person does, and starts it again where it was.
    fn restart(mut self, port: u16) -> Self {
        signal(&self.child, Signal::INT);
        let ended = self.child.wait().expect("it ends");
        assert!(ended.success(), "{ended}");
        self.storage = None;
        Self::start_at(port, &[])
    }

    fn start_at(port: u16, options: &[&str]) -> Self {
        let tls = outdial::tls::client_config().expect("TLS");
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .build()
            .expect("a client");
        let mark = Uuid::new_v4().to_string();
        let mut child = xtask(&["dev", "--port", &port.to_string()])
            .args(options)
            .env(MARK, &mark)
            .stdout(Stdio::piped())
            .spawn()
            .expect("xtask runs");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut shown = Vec::new();
        let greeted = lines.by_ref().any(|line| {
            shown.push(line);
            shown
                .last()
                .is_some_and(|line| line.contains("Ctrl-C ends everything"))
        });
        let api_key = shown
            .iter()
            .find_map(|line| line.trim().strip_prefix("key "))
            .map(|key| key.trim().to_owned());
        let dev = Self {
            child,
            mark,
            address: format!("127.0.0.1:{port}"),
            api_key: api_key.unwrap_or_default(),
            storage: Some(storage(port)),
            client,
        };
        assert!(greeted, "dev ended early:\n{}", shown.join("\n"));
        std::thread::spawn(|| lines.for_each(drop));
        dev
    }

    /// The API's origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The key that it takes.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Where its variables are, for other verbs.
    pub fn variables_file(&self) -> PathBuf {
        self.kept("json")
    }

    /// A file of this kind beside the database's folder.
    fn kept(&self, kind: &str) -> PathBuf {
        let folder = self.storage.as_ref().expect("it runs");
        folder.with_extension(kind)
    }

    /// With its key.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url).bearer_auth(&self.api_key)
    }

    /// Whatever is answered to what may be no HTTP.
    fn answer_to(&self, request: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).expect("it listens");
        connection
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a time limit");
        connection
            .write_all(request.as_bytes())
            .expect("it is read");
        let mut answer = Vec::new();
        // The gateway may close a connection whose body it has not read.
        let _ = connection.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            signal(&self.child, Signal::TERM);
            let _ = self.child.wait();
        }
        if let Some(folder) = &self.storage {
            let _ = std::fs::remove_dir_all(folder);
            for kind in KEPT {
                let _ = std::fs::remove_file(folder.with_extension(kind));
            }
        }
    }
}

pub fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id");
    kill_process(pid, signal).expect("it still runs");
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("the gateway answers")
}

async fn json_of(request: RequestBuilder) -> Value {
    let answer = send(request).await;
    let status = answer.status();
    let value = answer.json().await.expect("JSON");
    assert!(status.is_success(), "{status}: {value}");
    value
}

/// Redirects are followed.
async fn bytes_of(request: RequestBuilder) -> Vec<u8> {
    let answer = send(request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.expect("a body").to_vec()
}

async fn assert_problem(answer: Response, status: u16, code: &str) {
    assert_eq!(answer.status(), status);
    let problem: Value = answer.json().await.expect("a problem is JSON");
    assert_eq!(problem["code"], code, "{problem:#}");
}

/// Beside the folder of the binaries, as `dev` chooses it.
fn storage(port: u16) -> PathBuf {
    let binaries = Path::new(env!("CARGO_BIN_EXE_xtask")).parent();
    let target = binaries.and_then(Path::parent).expect("a target folder");
    target.join("dev").join(port.to_string())
}
