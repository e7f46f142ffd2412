//! Responses against Twilio's OpenAPI document, whose path is in `TWILIO_OPENAPI`.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::support::{App, FROM, LISTENER, Sim};

const ACCOUNT: &str = "/2010-04-01/Accounts/{AccountSid}";

#[tokio::test]
async fn responses_match_the_openapi_document_of_twilio() {
    let Some(path) = std::env::var_os("TWILIO_OPENAPI") else {
        // Directly to standard error, because the test harness hides the output of passing tests.
        let skipped =
            "SKIPPED: TWILIO_OPENAPI is not set; set it to the path of Twilio's OpenAPI document";
        writeln!(std::io::stderr(), "{skipped}").unwrap();
        return;
    };
    let mut document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    without_nullable(&mut document);
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Pause length=\"3\"/></Response>").await,
    );
    let form = [
        ("To", LISTENER),
        ("From", FROM),
        ("Url", &*app.url("/voice")),
        ("Record", "true"),
        ("RecordingStatusCallback", &app.url("/recording")),
        ("MachineDetection", "Enable"),
    ];
    let (_, call) = sim.post("/Calls.json", &form).await;
    let calls = format!("{ACCOUNT}/Calls.json");
    check(&document, &calls, "post", "201", &call);
    let sid = call["sid"].as_str().unwrap().to_owned();
    app.wait("/voice", 1).await;
    let one = format!("{ACCOUNT}/Calls/{{Sid}}.json");
    check(&document, &one, "get", "200", &sim.fetch(&sid).await);
    check(
        &document,
        &one,
        "post",
        "200",
        &sim.post(&format!("/Calls/{sid}.json"), &[("TimeLimit", "600")])
            .await
            .1,
    );
    let of_call = format!("{ACCOUNT}/Calls/{{CallSid}}/Recordings.json");
    check(
        &document,
        &of_call,
        "get",
        "200",
        &sim.get(&format!("/Calls/{sid}/Recordings.json")).await.1,
    );
    let recording = app.wait("/recording", 1).await[0]
        .param("RecordingSid")
        .to_owned();
    for to in ["+12125550101", "+12125550103"] {
        sim.call(to, &[("Twiml", "<Response/>")]).await;
    }
    check(&document, &one, "get", "200", &sim.fetch(&sid).await);
    for (template, path) in [
        (calls.clone(), "/Calls.json?PageSize=1".to_owned()),
        (calls, "/Calls.json?Page=1&PageSize=1".to_owned()),
        (of_call, format!("/Calls/{sid}/Recordings.json")),
        (
            format!("{ACCOUNT}/Calls/{{CallSid}}/Recordings/{{Sid}}.json"),
            format!("/Calls/{sid}/Recordings/{recording}.json"),
        ),
        (
            format!("{ACCOUNT}/Recordings.json"),
            "/Recordings.json".to_owned(),
        ),
        (
            format!("{ACCOUNT}/Recordings/{{Sid}}.json"),
            format!("/Recordings/{recording}.json"),
        ),
        (
            "/2010-04-01/Accounts/{Sid}.json".to_owned(),
            ".json".to_owned(),
        ),
    ] {
        let (status, answer) = sim.get(&path).await;
        assert_eq!(status, 200, "{path}: {answer}");
        check(&document, &template, "get", "200", &answer);
    }
}

/// Checks that the response has all properties of its schema, and that each is valid.
fn check(document: &Value, path: &str, method: &str, status: &str, response: &Value) {
    let content =
        &document["paths"][path][method]["responses"][status]["content"]["application/json"];
    let mut schema = content["schema"].clone();
    assert!(
        schema.is_object(),
        "the document has no {status} response of {method} {path}"
    );
    let properties = match schema["$ref"].as_str() {
        Some(name) => {
            &document["components"]["schemas"][name.rsplit('/').next().unwrap()]["properties"]
        }
        None => &schema["properties"],
    };
    for name in properties.as_object().unwrap().keys() {
        assert!(
            response.get(name).is_some(),
            "{method} {path}: {name} is missing in {response}"
        );
    }
    schema["components"] = document["components"].clone();
    // Formats are not checked, because the document's `uri` examples are relative.
    let validator = jsonschema::draft4::options()
        .should_validate_formats(false)
        .build(&schema)
        .unwrap();
    let errors: Vec<String> = validator
        .iter_errors(response)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{method} {path}: {errors:#?}");
}

/// Replaces OpenAPI 3.0's `nullable: true` with its equivalent in JSON Schema.
fn without_nullable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_nullable),
        Value::Object(fields) => {
            fields.values_mut().for_each(without_nullable);
            if fields.remove("nullable") == Some(json!(true)) {
                let schema = Value::Object(std::mem::take(fields));
                fields.insert("anyOf".to_owned(), json!([schema, { "type": "null" }]));
            }
        }
        _ => {}
    }
}
