//! Tests the examples in the API document against their schemas and each other.

use serde_json::{Value, json};
use testkit::ApiDocument;

use super::document::{operations, served, visit};

#[tokio::test]
async fn each_example_fits_its_schema() {
    let document = served().await;
    let checked = ApiDocument::new(&document);
    let mut count = 0;
    visit(&document, "", &mut |place, value| {
        // A property may have the name `example`.
        if place.ends_with("/properties") {
            return;
        }
        // In parameters and responses, the schema is next to the example. Elsewhere, the schema contains the example.
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
    for absent in ["error_code", "error_message", "delivery"] {
        assert!(call[absent].is_null(), "{absent}");
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
        "a range of one bucket"
    );
    let query = &document["paths"]["/stats"]["get"]["parameters"];
    for (nth, name) in ["from", "to"].into_iter().enumerate() {
        let begin = |value: &Value| time(value)[..19].to_owned();
        assert_eq!(begin(&query[nth]["example"]), begin(&stats[name]), "{name}");
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
