//! Tests that the API document is complete: routes, security, responses, fields.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use testkit::{ApiDocument, Request};

use crate::rest::alone;

pub async fn served() -> Value {
    Request::new("GET", "/openapi.json")
        .send(&alone())
        .await
        .json()
}

/// Returns method, path and operation of every route.
pub fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let items = paths.iter().flat_map(|(path, item)| {
        let fields = item.as_object().unwrap().iter();
        // `servers` is a sibling of the methods.
        let methods = fields.filter(|(_, operation)| operation.is_object());
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    items.collect()
}

/// Calls `found` with every value of the document and its path.
pub fn visit(value: &Value, place: &str, found: &mut impl FnMut(&str, &Value)) {
    found(place, value);
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| visit(value, &format!("{place}/{name}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, item)| visit(item, &format!("{place}/{at}"), found)),
        _ => {}
    }
}

#[tokio::test]
async fn reference_lists_every_documented_route() {
    let document = served().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let documented: BTreeSet<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| format!("{} {path}", method.to_uppercase()))
        // The reference describes these two in its introduction.
        .filter(|route| !["GET /docs", "GET /openapi.json"].contains(&&**route))
        .collect();
    assert_eq!(documented, routes_of_the_reference());
}

/// The table of routes in `docs/API.md`. A row may name several paths of a method: `POST /a, /b`.
fn routes_of_the_reference() -> BTreeSet<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/API.md");
    let reference = std::fs::read_to_string(file).unwrap();
    let cells = reference
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(str::trim);
    let routes = cells.filter(|cell| {
        let route = cell.split_once(' ');
        route.is_some_and(|(method, path)| {
            method.chars().all(|c| c.is_ascii_uppercase()) && path.starts_with('/')
        })
    });
    let routes = routes.flat_map(|route| {
        let (method, paths) = route.split_once(' ').unwrap();
        let paths = paths.split(", ");
        paths.map(move |path| format!("{method} {path}"))
    });
    routes.collect()
}

#[tokio::test]
async fn every_operation_has_security_and_responses() {
    let document = served().await;
    let mut names = Vec::new();
    for (method, path, operation) in operations(&document) {
        let here = format!("{method} {path}");
        names.push(
            operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{here} has no operationId")),
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{here}"
        );
        assert!(operation["tags"][0].is_string(), "{here}");
        let needs_key = [
            "/batches",
            "/blocked-numbers",
            "/users",
            "/calls",
            "/recordings",
            "/stats",
        ]
        .iter()
        .any(|part| path.starts_with(part));
        // An open route has an empty list.
        let schemes = operation["security"].as_array();
        let schemes = schemes.unwrap_or_else(|| panic!("{here} has no `security`"));
        // `/health` is public, and returns more to callers with a key.
        let takes_key = path == "/health";
        if takes_key {
            assert!(schemes.contains(&Value::Object(Map::new())), "{here}");
        }
        let wanted = 2 * usize::from(needs_key) + 3 * usize::from(takes_key);
        assert_eq!(schemes.len(), wanted, "{here}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.keys().any(|status| status < &"400".to_owned()),
            "{here}"
        );
        let may_be_unknown = needs_key || takes_key;
        assert_eq!(responses.contains_key("401"), may_be_unknown, "{here}");
        let has_tag = needs_key && method == "get" && !path.ends_with("/media");
        assert_eq!(responses.contains_key("304"), has_tag, "{here}");
        assert_eq!(responses.contains_key("422"), needs_key, "{here}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(
                parameter["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{here}: {parameter}"
            );
            let in_path = path.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()));
            assert_eq!(parameter["in"] == "path", in_path, "{here}: {parameter}");
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for scheme in ["bearer", "api_key"] {
        assert!(document["components"]["securitySchemes"][scheme].is_object());
    }
}

#[tokio::test]
async fn every_response_is_described_and_every_refusal_is_a_problem() {
    let document = served().await;
    for (method, path, operation) in operations(&document) {
        let here = format!("{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        for (status, response) in responses {
            for (name, header) in response["headers"].as_object().into_iter().flatten() {
                let text = header["description"].as_str().unwrap_or_default();
                assert!(
                    !text.is_empty() && header["schema"].is_object(),
                    "{here} {status} {name}"
                );
            }
            assert!(
                response["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{here} {status}"
            );
            if status.as_str() < "400" || (path, status.as_str()) == ("/health", "503") {
                continue;
            }
            let gateways = &response["content"]["application/json"]["schema"]["$ref"];
            if status == "429" {
                assert_eq!(gateways, "#/components/schemas/GatewayMessage", "{here}");
            }
            let problem = &response["content"]["application/problem+json"];
            if status == "429" && path != "/calls/outbound" {
                continue;
            }
            assert_eq!(
                problem["schema"]["$ref"], "#/components/schemas/Problem",
                "{here} {status}"
            );
            let code = problem["example"]["code"].as_str().unwrap_or_default();
            assert!(
                !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{here} {status}: {code}"
            );
            assert!(
                response["description"]
                    .as_str()
                    .unwrap()
                    .contains(&format!("`{code}`")),
                "{here} {status}"
            );
        }
    }
}

#[tokio::test]
async fn operation_with_a_function_url_has_its_own_servers() {
    let document = served().await;
    assert_eq!(document["servers"][0]["url"], "/");
    for (path, item) in document["paths"].as_object().unwrap() {
        let own: Vec<_> = item["servers"].as_array().into_iter().flatten().collect();
        let is_own = path == "/media" || path.starts_with("/twilio/");
        assert_eq!(own.len(), 2 * usize::from(is_own), "{path}");
        let throttled = operations(&document)
            .into_iter()
            .filter(|(_, of, _)| of == path)
            .all(|(.., operation)| operation["responses"]["429"].is_object());
        assert_eq!(throttled, !is_own, "{path}");
    }
}

#[tokio::test]
async fn field_with_a_default_is_optional_and_nullable_field_is_required() {
    let document = served().await;
    let mut defaults = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // Parts of bodies are closed like bodies.
        let is_body = schema["additionalProperties"] == false;
        let required = schema["required"].as_array();
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let here = format!("{name}.{field}");
            let is_required = required.is_some_and(|all| all.contains(&field.as_str().into()));
            let target = property["$ref"]
                .as_str()
                .map(|it| it.trim_start_matches('#'));
            let target = target
                .and_then(|it| document.pointer(it))
                .unwrap_or(property);
            // Client generators treat a property with its own default as always present.
            assert!(property.get("default").is_none(), "{here}");
            if target.get("default").is_some() {
                assert!(!is_required, "{here}");
                defaults.push(here.clone());
            }
            let types = property["type"].as_array().into_iter().flatten();
            let choices = property["oneOf"].as_array().into_iter().flatten();
            let is_nullable = types
                .chain(choices.map(|it| &it["type"]))
                .any(|it| it == "null");
            assert!(!is_nullable || is_body || is_required, "{here}");
        }
    }
    let with_defaults = [
        "BatchCreate.recording_enabled",
        "BatchCreate.sensitive",
        "BatchCreate.transcribe",
        "OutboundCallRequest.recording_enabled",
        "OutboundCallRequest.sensitive",
        "OutboundCallRequest.transcribe",
    ];
    assert_eq!(defaults, with_defaults);
}

#[tokio::test]
async fn references_in_the_document_resolve() {
    let document = served().await;
    visit(&document, "", &mut |place, value| {
        if let Some(reference) = value["$ref"].as_str() {
            let target = document.pointer(reference.trim_start_matches('#'));
            assert!(target.is_some(), "{place} refers to {reference}");
        }
    });
}

#[tokio::test]
async fn every_field_is_described_and_bodies_have_no_others() {
    let document = served().await;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let schemas = [schema]
                .into_iter()
                .chain(schema["oneOf"].as_array().into_iter().flatten());
            let described = schemas
                .into_iter()
                .any(|schema| schema["description"].is_string() || schema["$ref"].is_string());
            assert!(described, "{name}.{field}");
            // Enumerations, and schemas whose parts have examples, need no example.
            let plain = matches!(schema["type"].as_str(), Some(kind) if kind != "array")
                || schema["type"].is_array();
            let shown = ["example", "examples", "enum"];
            // These fields are null in the examples: they show the success of a single call with a script, its transcript, and lists of one page.
            let without = [
                "batch_id",
                "error_code",
                "error_message",
                "next_allowed_at",
                "next_call_id",
                "next_cursor",
                "previous_call_id",
                "reason",
                "result",
                "steps",
                "twilio_code",
                "twilio_message",
                "words_erased_at",
            ];
            let is_shown_without = without.contains(&field.as_str());
            assert!(
                !plain || is_shown_without || shown.iter().any(|one| !schema[*one].is_null()),
                "{name}.{field}"
            );
        }
    }
    for (method, path, operation) in operations(&document) {
        let Some(body) =
            operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()
        else {
            continue;
        };
        let schema = document.pointer(body.trim_start_matches('#')).unwrap();
        assert_eq!(schema["additionalProperties"], false, "{method} {path}");
    }
}

#[tokio::test]
async fn every_response_of_health_conforms_to_the_document() {
    let function = alone();
    let document = ApiDocument::new(&served().await);
    for path in ["/openapi.json", "/docs"] {
        let request = Request::new("GET", path);
        document.check(&request, &request.send(&function).await);
    }
}
