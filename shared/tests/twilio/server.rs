//! A server with scripted replies: it reads one request on each connection, and answers, stalls or breaks the connection.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use outdial::{
    config::TwilioConfig,
    twilio::{Timeouts, TwilioClient},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub const CALL: &str = "CA0123456789abcdef0123456789abcdef";

/// The reply to a request.
#[derive(Clone)]
pub enum Reply {
    /// A complete response without `Connection: close`. A second request on the connection is reset.
    Http(u16, String),
    /// These bytes, and then the end of the connection.
    Raw(String),
    /// No response: the server closes its direction of the connection and keeps the other one.
    HalfClose,
    /// No response: the server resets the connection before it has read the request.
    Reset,
    /// No response: the connection stays open.
    Stall,
}

impl Reply {
    pub fn http(status: u16, body: impl Into<String>) -> Self {
        Self::Http(status, body.into())
    }

    pub fn refusal(status: u16, code: u32, message: &str) -> Self {
        let body = serde_json::json!({"code": code, "message": message, "status": status});
        Self::http(status, body.to_string())
    }

    pub fn redirect(to: &str) -> Self {
        Self::Raw(format!(
            "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
        ))
    }
}

/// A received request.
#[derive(Clone, Default)]
pub struct Request {
    pub line: String,
    /// Values by lower-case name.
    pub headers: HashMap<String, String>,
    pub body: String,
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server that sends these replies in turn, and then always the last one.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, replies)
    }

    pub fn on(listener: TcpListener, replies: impl IntoIterator<Item = Reply>) -> Self {
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let mut replies = replies
            .into_iter()
            .collect::<Vec<_>>()
            .into_iter()
            .peekable();
        let log = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let reply = replies.next().unwrap();
                if replies.peek().is_none() {
                    replies = vec![reply.clone()].into_iter().peekable();
                }
                tokio::spawn(serve(stream, reply, log.clone()));
            }
        });
        Self { address, requests }
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the only request.
    pub fn request(&self) -> Request {
        let [request] = self.requests().try_into().ok().expect("one request");
        request
    }

    pub fn client(&self) -> TwilioClient {
        client(self.address, patient())
    }
}

/// Returns timeouts that no test reaches, and very short pauses.
pub fn patient() -> Timeouts {
    Timeouts {
        connect: Duration::from_secs(5),
        response: Duration::from_secs(20),
        dial_budget: Duration::from_secs(30),
        read_budget: Duration::from_secs(30),
        ping: Duration::from_secs(20),
        first_pause: Duration::from_millis(1),
    }
}

/// Returns [`patient`] with a short timeout for the response.
pub fn impatient() -> Timeouts {
    let limit = Duration::from_millis(300);
    Timeouts {
        response: limit,
        ping: limit,
        ..patient()
    }
}

pub fn config(api: &str) -> TwilioConfig {
    TwilioConfig {
        account_sid: ACCOUNT.to_owned(),
        auth_tokens: vec!["primary".into(), "secondary".into()],
        api_key: None,
        api_base_url: Url::parse(api).unwrap(),
        intelligence_base_url: Url::parse(api).unwrap(),
    }
}

pub fn client(address: SocketAddr, timeouts: Timeouts) -> TwilioClient {
    TwilioClient::with_timeouts(&config(&format!("http://{address}")), timeouts).unwrap()
}

async fn serve(mut stream: TcpStream, reply: Reply, log: Arc<Mutex<Vec<Request>>>) {
    if matches!(reply, Reply::Reset) {
        // The kernel resets a connection that is closed with unread bytes.
        let _ = stream.read_u8().await;
        log.lock().unwrap().push(Request::default());
        return;
    }
    let Some(request) = read(&mut stream).await else {
        return;
    };
    log.lock().unwrap().push(request);
    match reply {
        Reply::Http(status, body) => {
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.read_u8().await;
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(bytes.as_bytes()).await;
        }
        Reply::HalfClose => {
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Reply::Stall => {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Reply::Reset => {}
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: HashMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while bytes.len() < length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let body = String::from_utf8(bytes).unwrap();
    Some(Request {
        line,
        headers,
        body,
    })
}
