//! Tests adding recipients as CSV.

use mongodb::bson::Document;
use serde_json::json;

use crate::support::Api;

fn text<'a>(call: &'a Document, field: &str) -> &'a str {
    call.get_str(field).unwrap_or_default()
}

#[tokio::test]
async fn table_is_read_as_people_write_it() {
    let api = Api::new().await;
    let id = api.batch().await;
    let csv = "\u{feff}Phone;External ID;Name;metadata.order;Time zone\r\n\
               '+12125550101;a-1;Ada;A-17;America/New_York\r\n\
               ;;;;\r\n\
               +12125550102;;\"Bob; Jr\";;\r\n";
    let answer = api.add_csv(&id, csv).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.json(),
        json!({ "added": 2, "duplicates": 0, "total": 2 })
    );
    let mut calls = api.calls().await;
    calls.sort_by_key(|call| text(call, "to_number").to_owned());
    assert_eq!(text(&calls[0], "script"), "Hello Ada.");
    assert_eq!(text(&calls[0], "external_id"), "a-1");
    assert_eq!(text(&calls[0], "time_zone"), "America/New_York");
    let metadata = calls[0].get_document("metadata").unwrap();
    assert_eq!(text(metadata, "order"), "A-17");
    assert_eq!(text(&calls[1], "script"), "Hello Bob; Jr.");
    // The same table as JSON is the same recipients.
    let again = json!([
        { "to_number": "+12125550101", "external_id": "a-1", "variables": { "name": "Ada" } },
        { "to_number": "+12125550102", "variables": { "name": "Bob; Jr" } },
    ]);
    assert_eq!(api.add(&id, &again).await.json()["added"], 0);
}

#[tokio::test]
async fn faults_are_named_by_place_and_line() {
    let api = Api::new().await;
    let id = api.batch().await;
    let csv = "to_number,name\n+12125550101,Ada\n\n1,Bob\n+12125550103,\n";
    let answer = api.add_csv(&id, csv).await;
    answer.assert_problem(422, "validation_failed");
    assert_eq!(answer.fields(), ["recipients[1].to_number"]);
    assert!(answer.text().contains("(line 4)"), "{}", answer.text());
    // The script's variables are checked once all rows can be read.
    let answer = api
        .add_csv(&id, &csv.replace("1,Bob", "+12125550102,Bob"))
        .await;
    assert_eq!(answer.fields(), ["recipients[2].variables"]);
    for csv in [
        "",
        "name\nAda\n",
        "to_number,name\n",
        "to_number\n\"+12125550101\n",
    ] {
        let answer = api.add_csv(&id, csv).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.fields(), ["recipients"], "{csv}");
    }
    let rows = format!("to_number,name\n{}", "+12125550101,Ada\n".repeat(1_001));
    assert_eq!(api.add_csv(&id, &rows).await.fields(), ["recipients"]);
    assert_eq!(api.stage.count("calls").await, 0);
}
