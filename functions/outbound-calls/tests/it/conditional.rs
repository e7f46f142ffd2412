//! Tests conditional requests: entity tags and `If-None-Match`.

use serde_json::json;
use testkit::Request;

use crate::support::{Api, text};

#[tokio::test]
async fn unchanged_document_is_a_304() {
    let api = Api::new().await;
    let call = api.post(&api.body()).await.json();
    let id = text(&call["call_id"]);
    let number = json!({ "phone_number": "+12125550199" });
    api.send(&Request::post("/blocked-numbers", &number)).await;
    let a_day = "from=2026-01-02T00:00:00Z&to=2026-01-03T00:00:00Z";
    for path in [
        "/calls".to_owned(),
        format!("/calls/{id}"),
        format!("/calls/{id}/recordings"),
        format!("/stats?{a_day}"),
        "/blocked-numbers".to_owned(),
        "/blocked-numbers/+12125550199".to_owned(),
    ] {
        let first = api.get(&path).await;
        let tag = first.header("etag").to_owned();
        assert_eq!(first.header("cache-control"), "private, no-cache", "{path}");
        let again = Request::get(&path).header("if-none-match", &tag);
        let again = again.send(&api.router).await;
        assert_eq!(
            (again.status.as_u16(), again.text()),
            (304, String::new()),
            "{path}"
        );
        assert_eq!(again.header("etag"), tag);
        let stranger = Request::new("GET", &path).header("if-none-match", "*");
        let refused = stranger.send(&api.router).await;
        refused.assert_problem(401, "unauthorized");
    }
    let path = format!("/calls/{id}");
    let tag = api.get(&path).await.header("etag").to_owned();
    api.hang_up(&id).await;
    let changed = Request::get(&path).header("if-none-match", &tag);
    let changed = api.send(&changed).await;
    assert_eq!(changed.json()["status"], "canceled");
}
