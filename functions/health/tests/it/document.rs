use serde_json::{Map, Value, json};
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
        let fields = item.as_object().unwrap().iter();
        // The servers of a path are beside its methods.
        let methods = fields.filter(|(_, operation)| operation.is_object());
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
        // A list without an entry is an open route's.
        let schemes = operation["security"].as_array();
        let schemes = schemes.unwrap_or_else(|| panic!("{here} does not say who may call it"));
        // Open to everybody, and tells more to those with a key.
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
async fn functions_with_urls_of_their_own_have_servers_of_their_own() {
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
async fn field_with_a_default_is_not_required_and_a_field_that_may_be_null_is() {
    let document = served().await;
    let mut defaults = Vec::new();
    let bodies: Vec<_> = operations(&document)
        .into_iter()
        .filter_map(|(_, _, operation)| {
            operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()
        })
        .collect();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let is_body = bodies
            .iter()
            .any(|body| body.ends_with(&format!("/{name}")));
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
            // Generators of clients take a property with a default of its own for one that is always there.
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
    assert_eq!(defaults, ["OutboundCallRequest.recording_enabled"]);
}

#[tokio::test]
async fn each_example_fits_its_schema() {
    let document = served().await;
    let checked = ApiDocument::new(&document);
    let mut count = 0;
    visit(&document, "", &mut |place, value| {
        // A property may be called so.
        if place.ends_with("/properties") {
            return;
        }
        // In a parameter and in a response the schema is beside its example; else the example is part of it.
        let schema = if value["schema"].is_object() {
            &value["schema"]
        } else {
            value
        };
        let many = value["examples"].as_array().into_iter().flatten();
        for example in value.get("example").into_iter().chain(many) {
            checked.check_example(schema, example, place);
            count += 1;
        }
    });
    assert!(count > 100, "{count}");
}

#[tokio::test]
async fn examples_agree_with_each_other() {
    let document = served().await;
    let example = |name: &str| &document["components"]["schemas"][name]["examples"][0];
    let time = |value: &Value| value.as_str().unwrap_or_default().to_owned();

    let call = example("Call");
    assert_eq!(call["status"], "completed");
    assert_eq!(call["dial_outcome"], "accepted");
    for nothing in ["error_code", "error_message", "delivery"] {
        assert!(call[nothing].is_null(), "{nothing}");
    }
    let events = call["events"].as_array().unwrap();
    let times: Vec<_> = [time(&call["created_at"])]
        .into_iter()
        .chain(events.iter().map(|event| time(&event["at"])))
        .chain([time(&call["updated_at"])])
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(events.last().unwrap()["status"], call["status"]);

    let recording = example("Recording");
    assert_eq!(recording["call_id"], call["call_id"]);
    assert_eq!(recording["recording_url"], call["recording_url"]);
    assert_eq!(recording["status"], recording["recording_status"]);
    assert!(recording["error_code"].is_null());
    assert_eq!(recording["started_at"], events[2]["at"]);

    for (list, items) in [
        ("CallList", "calls"),
        ("CallPage", "calls"),
        ("UserList", "users"),
        ("BlockedNumberList", "blocked_numbers"),
    ] {
        let list = example(list);
        let count = list[items].as_array().unwrap().len();
        assert!(
            list.get("total").is_none_or(|total| *total == count),
            "{items}"
        );
        assert!(list["next_cursor"].is_null(), "{items}");
        assert!(list["page_size"].as_u64() > Some(count as u64), "{items}");
    }
    let stats = example("Stats");
    let by_status = stats["by_status"].as_object().unwrap();
    assert_eq!(
        by_status.values().filter_map(Value::as_u64).sum::<u64>(),
        stats["total"]
    );
    assert_eq!(stats["buckets"][0]["by_status"], stats["by_status"]);
    assert_eq!(
        stats["buckets"].as_array().unwrap().len(),
        1,
        "of a span of one bucket"
    );
    let asked = &document["paths"]["/stats"]["get"]["parameters"];
    for (nth, name) in ["from", "to"].into_iter().enumerate() {
        let begin = |value: &Value| time(value)[..19].to_owned();
        assert_eq!(begin(&asked[nth]["example"]), begin(&stats[name]), "{name}");
    }
    let url = time(&example("Media")["url"]);
    for parameter in document["paths"]["/media"]["get"]["parameters"]
        .as_array()
        .unwrap()
    {
        let value = &parameter["example"];
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let here = format!("{}={value}", parameter["name"].as_str().unwrap());
        assert!(parameter["in"] != "query" || url.contains(&here), "{here}");
    }
    let problem = example("Problem");
    for twilios in ["twilio_code", "twilio_message", "next_allowed_at"] {
        assert!(problem.get(twilios).is_none(), "{twilios}");
    }

    for (method, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let example = &response["content"]["application/problem+json"]["example"];
            if example.is_null() {
                continue;
            }
            let here = format!("{method} {path} {status}");
            assert_eq!(example["status"].to_string(), *status, "{here}");
            assert!(!example["detail"].as_str().unwrap().contains('`'), "{here}");
            let is_invalid = example["code"] == "validation_failed";
            assert_eq!(example["errors"] != json!([]), is_invalid, "{here}");
            let fields = json!([operation["parameters"], document["components"]["schemas"]]);
            if is_invalid {
                let field = example["errors"][0]["field"].as_str().unwrap();
                assert!(
                    fields.to_string().contains(&format!("\"{field}\"")),
                    "{here}"
                );
            }
            assert_eq!(
                example.get("twilio_code").is_some(),
                example["code"] == "twilio_refused",
                "{here}"
            );
        }
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
            // The example of a thing that went well has no error, and that of a list has one page.
            let without = [
                "error_code",
                "error_message",
                "next_allowed_at",
                "next_cursor",
                "twilio_code",
                "twilio_message",
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
async fn every_answer_of_this_function_is_as_the_document_says() {
    let function = alone();
    let document = ApiDocument::new(&served().await);
    for path in ["/openapi.json", "/docs"] {
        let request = Request::new("GET", path);
        document.check(&request, &request.send(&function).await);
    }
}
