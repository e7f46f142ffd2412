//! An event in a structured form, which the fuzzer can change piece by piece.

use arbitrary::Arbitrary;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

/// The parts of an event that a client can choose, and some that it can't.
#[derive(Debug, Arbitrary)]
pub struct Input<'a> {
    method: Method<'a>,
    path: Path<'a>,
    query: &'a str,
    headers: Vec<(Name<'a>, &'a str)>,
    cookies: Option<Vec<&'a str>>,
    domain: Option<&'a str>,
    stage: Option<&'a str>,
    body: Body<'a>,
}

#[derive(Debug, Arbitrary)]
enum Method<'a> {
    Get,
    Post,
    Patch,
    Delete,
    Head,
    Options,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Path<'a> {
    Users(&'a str),
    Calls(&'a str),
    Recordings(&'a str),
    Voice,
    Status,
    Recording,
    Media,
    Fallback,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Name<'a> {
    Host,
    Proto,
    ContentType,
    Authorization,
    Key,
    Idempotency,
    Signature,
    Range,
    Other(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    None,
    Text(&'a str),
    Bytes(&'a [u8]),
    InvalidBase64(&'a str),
}

impl Input<'_> {
    /// Returns the event as JSON.
    pub fn event(&self) -> Value {
        let headers = self.headers.iter();
        let headers: Map<_, _> = headers
            .map(|(name, value)| (name.to_text(), Value::from(*value)))
            .collect();
        let path = self.path.to_text();
        let (body, encoded) = match self.body {
            Body::None => (Value::Null, false),
            Body::Text(text) => (text.into(), false),
            Body::Bytes(bytes) => (BASE64_STANDARD.encode(bytes).into(), true),
            Body::InvalidBase64(text) => (text.into(), true),
        };
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": self.query,
            "cookies": self.cookies,
            "headers": headers,
            "requestContext": {
                "domainName": self.domain,
                "http": {"method": self.method.as_str(), "path": path},
                "requestId": "fuzzed-request",
                "stage": self.stage.unwrap_or("$default"),
            },
            "body": body,
            "isBase64Encoded": encoded,
        })
    }
}

impl Method<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Other(text) => text,
        }
    }
}

impl Path<'_> {
    fn to_text(&self) -> String {
        match self {
            Self::Users(rest) => format!("/users{rest}"),
            Self::Calls(rest) => format!("/calls/{rest}"),
            Self::Recordings(rest) => format!("/recordings/{rest}"),
            Self::Voice => "/twilio/voice".to_owned(),
            Self::Status => "/twilio/status".to_owned(),
            Self::Recording => "/twilio/recording".to_owned(),
            Self::Media => "/media".to_owned(),
            Self::Fallback => "/twilio/fallback".to_owned(),
            Self::Other(text) => (*text).to_owned(),
        }
    }
}

impl Name<'_> {
    fn to_text(&self) -> String {
        let name = match self {
            Self::Host => "host",
            Self::Proto => "x-forwarded-proto",
            Self::ContentType => "content-type",
            Self::Authorization => "authorization",
            Self::Key => "x-api-key",
            Self::Idempotency => "idempotency-key",
            Self::Signature => "x-twilio-signature",
            Self::Range => "range",
            Self::Other(name) => name,
        };
        name.to_owned()
    }
}
