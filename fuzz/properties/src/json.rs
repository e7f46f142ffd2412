//! Property `json`: the API accepts a JSON body exactly if it matches the API document.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use deserr::Deserr;
use futures_util::FutureExt;
use http::StatusCode;
use jsonschema::Validator;
use outdial::{
    domain::{BlockedNumberCreate, OutboundCallRequest, UserCreate, UserUpdate},
    http::{BODY_MAX_BYTES, FieldErrors, Json, Problem},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Parses any bytes as a request body. An accepted body matches its schema in the API document, and stays the same when
/// it is written and parsed again. A refused body gets the right status. The first byte chooses the schema, the rest is
/// the body.
///
/// # Panics
///
/// If the property is violated.
pub fn json(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else {
        return;
    };
    match kind % 4 {
        0 => check::<UserCreate>("UserCreate", body, to_value),
        1 => check::<UserUpdate>("UserUpdate", body, |update| {
            let fields = [
                ("name", update.name.0.as_ref().map(to_value)),
                ("email", update.email.0.as_ref().map(to_value)),
                ("phone_number", update.phone_number.0.as_ref().map(to_value)),
                ("time_zone", update.time_zone.0.as_ref().map(to_value)),
            ];
            let given = fields
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            given.collect::<Map<_, _>>().into()
        }),
        2 => check::<OutboundCallRequest>("OutboundCallRequest", body, to_value),
        _ => check::<BlockedNumberCreate>("BlockedNumberCreate", body, to_value),
    }
}

fn check<T: Deserr<FieldErrors>>(schema: &str, body: &[u8], write: fn(&T) -> Value) {
    match read::<T>(body.to_vec()) {
        Ok(parsed) => {
            let value = write(&parsed);
            let faults: Vec<_> = SCHEMAS[schema]
                .iter_errors(&without_idna(&value))
                .map(|fault| format!("{}: {fault}", fault.instance_path()))
                .collect();
            assert!(faults.is_empty(), "accepted: {value}: {faults:?}");
            let again = read::<T>(value.to_string().into_bytes());
            let again = again.unwrap_or_else(|refused| panic!("{value}: {refused:?}"));
            assert_eq!(write(&again), value);
        }
        Err(refused) => {
            let value = serde_json::from_slice::<Value>(body);
            let expected = match value {
                _ if body.len() > BODY_MAX_BYTES => StatusCode::PAYLOAD_TOO_LARGE,
                Ok(Value::Object(_)) => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::BAD_REQUEST,
            };
            assert_eq!(refused.status(), expected, "{refused:?}");
        }
    }
}

/// Returns the value with an email address that doesn't depend on the version of IDNA: versions differ in the names that
/// they allow after `xn--`.
fn without_idna(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(Value::String(email)) = value.get_mut("email") {
        *email = email.to_ascii_lowercase().replace("xn--", "xnxx");
    }
    value
}

/// Parses the body the way a handler does.
fn read<T: Deserr<FieldErrors>>(body: Vec<u8>) -> Result<T, Problem> {
    let mut request = Request::new(Body::from(body));
    let json = http::HeaderValue::from_static("application/json; charset=utf-8");
    request
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    let read = Json::<T>::from_request(request, &()).now_or_never();
    read.expect("a complete body needs no waiting")
        .map(|Json(parsed)| parsed)
}

fn to_value<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("a parsed body can be written")
}

/// The request schemas of the API document.
static SCHEMAS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let document = include_str!("../../../functions/health/openapi.json");
    let document: Value = serde_json::from_str(document).expect("the API document is JSON");
    let names = [
        "UserCreate",
        "UserUpdate",
        "BlockedNumberCreate",
        "OutboundCallRequest",
    ];
    let compiled = names.map(|name| {
        let schema = json!({
            "$ref": format!("#/components/schemas/{name}"),
            "components": document["components"],
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema);
        (name.to_owned(), validator.expect("the schemas are valid"))
    });
    compiled.into()
});
