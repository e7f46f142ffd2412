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
    assert_eq!(
        answer.fields(),
        ["recipients[1].to_number", "recipients[2].variables"]
    );
    assert!(answer.text().contains("(line 5)"), "{}", answer.text());
    assert!(answer.text().contains("(line 4)"), "{}", answer.text());
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
    // What was read before the fault of the table is told, too.
    let answer = api
        .add_csv(&id, "to_number,name\n1,Ada\n\"+12125550101,Bob\n")
        .await;
    assert_eq!(answer.fields(), ["recipients", "recipients[0].to_number"]);
    let rows = format!("to_number,name\n{}", "+12125550101,Ada\n".repeat(1_001));
    assert_eq!(api.add_csv(&id, &rows).await.fields(), ["recipients"]);
    assert_eq!(api.stage.count("calls").await, 0);
}

#[tokio::test]
async fn every_fault_of_a_table_is_told_at_once() {
    let api = Api::new().await;
    let id = api.batch().await;
    let csv = "to_number,external_id,time_zone,name\n\
               1.55512E+10,a,,\n\
               +442079460000,b,Mars,Bob\n\
               +12125550103,c,,Eve\n\
               +12125550104,c,,Eve\n\
               +12125550105,d\n";
    let answer = api.add_csv(&id, csv).await;
    let wanted = [
        "recipients[0].to_number",
        "recipients[0].variables",
        "recipients[1].time_zone",
        "recipients[1].to_number",
        "recipients[3].external_id",
        "recipients[4]",
    ];
    assert_eq!(answer.fields(), wanted, "{}", answer.text());
    for error in answer.json()["errors"].as_array().unwrap() {
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("(line "), "{message}");
    }
    assert_eq!(api.stage.count("calls").await, 0);
}
