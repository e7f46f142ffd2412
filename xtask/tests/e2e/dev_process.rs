//! Runs `cargo xtask dev` for a test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

use crate::xtask;

/// A variable that every child process inherits, so that the tests find all of them.
pub const MARK: &str = "OUTDIAL_END_TO_END_MARK";

/// The files that `dev` keeps next to the database's folder.
pub const KEPT: [&str; 2] = ["secrets.json", "calls.jsonl"];

/// A running `cargo xtask dev`. It ends with the test.
pub struct Dev {
    pub child: Child,
    pub mark: String,
    address: String,
    api_key: String,
    /// The database's folder, deleted with the test; `None` if the next run uses it.
    storage: Option<PathBuf>,
    client: Client,
}

impl Dev {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with more options.
    pub fn start_with(options: &[&str]) -> Self {
        Self::start_at(testkit::free_port().expect("a free port"), options)
    }

    /// Ends it with Ctrl-C, and starts it again on the same port.
    pub fn restart(mut self, port: u16) -> Self {
        signal(&self.child, Signal::INT);
        let ended = self.child.wait().expect("it ends");
        assert!(ended.success(), "{ended}");
        self.storage = None;
        Self::start_at(port, &[])
    }

    pub fn start_at(port: u16, options: &[&str]) -> Self {
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
                .is_some_and(|line| line.contains("Ctrl-C stops everything"))
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

    /// The API key that it printed.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The file with its variables, for `outdial --local`.
    pub fn variables_file(&self) -> PathBuf {
        outdial::config::dev_variables_file(self.port()).expect("a home folder")
    }

    pub fn port(&self) -> u16 {
        let port = self.address.rsplit(':').next();
        port.and_then(|port| port.parse().ok()).expect("a port")
    }

    /// The file of this kind next to the database's folder.
    pub fn kept(&self, kind: &str) -> PathBuf {
        let folder = self.storage.as_ref().expect("it runs");
        folder.with_extension(kind)
    }

    /// A request with the API key.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url).bearer_auth(&self.api_key)
    }

    /// The response to bytes that may not be HTTP.
    pub fn answer_to(&self, request: &str) -> String {
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

/// The folder that `dev` uses, next to the folder of the binaries.
fn storage(port: u16) -> PathBuf {
    let binaries = Path::new(env!("CARGO_BIN_EXE_xtask")).parent();
    let target = binaries.and_then(Path::parent).expect("a target folder");
    target.join("dev").join(port.to_string())
}
