//! Requests in the form of Lambda events, and the responses of functions.

use axum::Router;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::identity::{API_KEY, AUTH_TOKEN, BASE_URL};

/// A request as API Gateway and function URLs send it to a function: an event with payload version 2.0.
#[derive(Debug, Clone)]
pub struct Request {
    event: Value,
}

impl Request {
    /// Creates a request without headers and body. The path may include a query, which is used unchanged.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            event: json!({
                "version": "2.0",
                "routeKey": "$default",
                "rawPath": path,
                "rawQueryString": query,
                "headers": {"host": "somebody.else.example"},
                "requestContext": {
                    "accountId": "123456789012",
                    "apiId": "api-id",
                    "domainName": "gateway.example.com",
                    "domainPrefix": "gateway",
                    "http": {
                        "method": method,
                        "path": path,
                        "protocol": "HTTP/1.1",
                        "sourceIp": "192.0.2.1",
                        "userAgent": "tests"
                    },
                    "requestId": "request-of-a-test",
                    "routeKey": "$default",
                    "stage": "$default",
                    "time": "01/Jan/2026:00:00:00 +0000",
                    "timeEpoch": 1_767_225_600_000_i64
                },
                "isBase64Encoded": false
            }),
        }
    }

    /// Creates a GET request with the API key.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path).with_key(API_KEY)
    }

    /// Creates a POST request with a JSON body and the API key.
    #[must_use]
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).with_key(API_KEY).json(body)
    }

    /// Creates a webhook to this path under [`BASE_URL`], signed by Twilio.
    #[must_use]
    pub fn webhook(path: &str, params: &[(&str, &str)]) -> Self {
        Self::signed_by(AUTH_TOKEN, path, params)
    }

    /// Creates a webhook to this path under [`BASE_URL`], signed with this token.
    #[must_use]
    pub fn signed_by(token: &str, path: &str, params: &[(&str, &str)]) -> Self {
        let signature = outdial::twilio::sign(&format!("{BASE_URL}{path}"), params, token);
        Self::new("POST", path)
            .header("x-twilio-signature", &signature)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(&form(params))
    }

    /// Sets a header. Names must be lower-case, as the gateway sends them.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = value.into();
        self
    }

    /// Changes the domain, for example to that of a function URL.
    #[must_use]
    pub fn at_domain(mut self, domain: &str) -> Self {
        self.event["requestContext"]["domainName"] = domain.into();
        self
    }

    /// Changes path and query, but not the signature.
    #[must_use]
    pub fn moved(mut self, path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        self.event["rawPath"] = path.into();
        self.event["rawQueryString"] = query.into();
        self.event["requestContext"]["http"]["path"] = path.into();
        self
    }

    /// Sets the API key.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Removes a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if let Some(headers) = self.event["headers"].as_object_mut() {
            headers.remove(name);
        }
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(&body.to_string())
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.event["body"] = body.into();
        self
    }

    /// Sets a body of bytes in base64, as the gateway sends it.
    #[must_use]
    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.event["body"] = BASE64_STANDARD.encode(body).into();
        self.event["isBase64Encoded"] = true.into();
        self
    }

    /// Returns the event.
    #[must_use]
    pub fn event(&self) -> &Value {
        &self.event
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> String {
        self.text("/requestContext/http/method")
    }

    /// Returns the path without the query.
    #[must_use]
    pub fn path(&self) -> String {
        self.text("/rawPath")
    }

    fn text(&self, pointer: &str) -> String {
        let text = self.event.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    }

    /// Sends the request to a function's router.
    ///
    /// # Panics
    ///
    /// If the event is malformed, or the response is larger than 10 MB.
    pub async fn send(&self, router: &Router) -> Answer {
        let request = lambda_http::request::from_str(&self.event.to_string())
            .expect("an event of version 2.0");
        let response = router
            .clone()
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {});
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000_000)
            .await
            .expect("a bounded body");
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_vec(),
        }
    }
}

/// A function's response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the body as text. `U+FFFD` replaces invalid bytes.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// If the body isn't JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns a header, or an empty text if it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns the names of the invalid fields in an error response, sorted.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let errors = self.json()["errors"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut fields: Vec<_> = errors
            .iter()
            .filter_map(|error| error["field"].as_str().map(str::to_owned))
            .collect();
        fields.sort();
        fields
    }

    /// Asserts that this is an error response with this status and code, and with all fields of an error response.
    ///
    /// # Panics
    ///
    /// If it isn't.
    #[expect(
        clippy::must_use_candidate,
        reason = "callers need the assertion, not the value"
    )]
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["status"], status);
        for field in ["type", "title", "detail", "timestamp", "request_id"] {
            assert!(
                body[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field} of {body}"
            );
        }
        assert!(body["errors"].is_array(), "{body}");
        self
    }
}

/// Encodes a form as Twilio sends it.
#[must_use]
pub fn form(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish()
}
