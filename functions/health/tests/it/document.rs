use serde_json::{Map, Value};
use testkit::{ApiDocument, Request};

use crate::rest::alone;

async fn served() -> Value {
    Request::new("GET", "/openapi.json")
        .send(&alone())
        .await
        .json()
}

/// Method, path, operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let items = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    items.collect()
}

/// Visits every value of the document with its place in it.
fn visit(value: &Value, place: &str, found: &mut impl FnMut(&str, &Value)) {
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

/// Whether the query says what is wanted there.
fn has_query(path: &str) -> bool {
    [
        "/blocked-numbers",
        "/calls",
        "/stats",
        "/users",
        "/users/{user_id}/calls",
    ]
    .contains(&path)
}

#[tokio::test]
async fn every_route_is_in_the_document() {
    let document = served().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut routes: Vec<_> = operations(&document)
        .into_iter()
        .map(|(method, path, _)| format!("{} {path}", method.to_uppercase()))
        .collect();
    routes.sort();
    assert_eq!(
        routes,
        [
            "DELETE /blocked-numbers/{phone_number}",
            "DELETE /recordings/{recording_id}",
            "DELETE /users/{user_id}",
            "GET /blocked-numbers",
            "GET /blocked-numbers/{phone_number}",
            "GET /calls",
            "GET /calls/{call_id}",
            "GET /calls/{call_id}/recordings",
            "GET /docs",
            "GET /health",
            "GET /media",
            "GET /openapi.json",
            "GET /recordings/{recording_id}",
            "GET /recordings/{recording_id}/media",
            "GET /stats",
            "GET /users",
            "GET /users/{user_id}",
            "GET /users/{user_id}/calls",
            "PATCH /users/{user_id}",
            "POST /blocked-numbers",
            "POST /calls/outbound",
            "POST /calls/{call_id}/hangup",
            "POST /twilio/recording",
            "POST /twilio/status",
            "POST /twilio/voice",
            "POST /users",
        ]
    );
}

#[tokio::test]
async fn every_operation_says_who_may_call_it_and_what_it_answers() {
    let document = served().await;
    let mut names = Vec::new();
    for (method, path, operation) in operations(&document) {
        let here = format!("{method} {path}");
        names.push(
            operation["operationId"]
                .as_str()
                .unwrap_or_else(|| panic!("{here} has no name")),
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{here}"
        );
        assert!(operation["tags"][0].is_string(), "{here}");
        let needs_key = [
            "/blocked-numbers",
            "/users",
            "/calls",
            "/recordings",
            "/stats",
        ]
        .iter()
        .any(|part| path.starts_with(part));
        let schemes: Vec<_> = operation["security"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        // Open to everybody, and tells more to those with a key.
        let takes_key = path == "/health";
        if takes_key {
            assert!(schemes.contains(&&Value::Object(Map::new())), "{here}");
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
        assert_eq!(
            responses.contains_key("422"),
            operation["requestBody"]["content"]["application/json"].is_object()
                || (method == "get" && has_query(path)),
            "{here}"
        );
        for (status, response) in responses {
            assert!(
                response["description"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{here} {status}"
            );
            if status.as_str() < "400" || (path, status.as_str()) == ("/health", "503") {
                continue;
            }
            let problem = &response["content"]["application/problem+json"];
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
async fn nothing_in_the_document_leads_nowhere() {
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
            // What is a choice of words, or a part with examples of its own, needs none here.
            let plain = matches!(schema["type"].as_str(), Some(kind) if kind != "array")
                || schema["type"].is_array();
            let shown = ["example", "examples", "enum"];
            assert!(
                !plain || shown.iter().any(|one| !schema[*one].is_null()),
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
async fn every_answer_of_this_function_is_as_the_document_says() {
    let function = alone();
    let document = ApiDocument::new(&served().await);
    for path in ["/openapi.json", "/docs"] {
        let request = Request::new("GET", path);
        document.check(&request, &request.send(&function).await);
    }
}
