//! The Notifications resource: errors and warnings about calls.

use crate::support::{App, LISTENER, Sim};

#[tokio::test]
async fn malformed_twiml_is_an_error_of_the_call() {
    let sim = Sim::start().await;
    let sid = sim.call(LISTENER, &[("Twiml", "<Response><Say>")]).await;
    sim.wait_for_log(&sid, |entry| entry["kind"] == "error")
        .await;
    let (status, page) = sim.get(&format!("/Calls/{sid}/Notifications.json")).await;
    assert_eq!(status, 200, "{page}");
    let all = page["notifications"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{page}");
    let error = &all[0];
    assert_eq!(
        (&error["error_code"], &error["log"]),
        (&"12100".into(), &"0".into())
    );
    assert_eq!(error["call_sid"], sid.as_str());
    assert!(!error["message_text"].as_str().unwrap().is_empty());
    let own = error["sid"].as_str().unwrap();
    for path in [
        format!("/Calls/{sid}/Notifications/{own}.json"),
        format!("/Notifications/{own}.json"),
    ] {
        let (status, fetched) = sim.get(&path).await;
        assert_eq!(
            (status.as_u16(), &fetched["sid"]),
            (200, &error["sid"]),
            "{path}"
        );
        assert!(fetched["response_body"].is_string());
    }
}

#[tokio::test]
async fn notifications_are_filtered_by_call_and_level() {
    let sim = Sim::start().await;
    let app = App::with_twiml("<Response><Say speed=\"fast\">Hello.</Say></Response>").await;
    let url = app.url("/voice");
    let warned = sim.call(LISTENER, &[("Url", &url)]).await;
    sim.wait_for_status(&warned, "completed").await;
    let failed = sim.call(LISTENER, &[("Twiml", "nonsense")]).await;
    sim.wait_for_status(&failed, "completed").await;
    let listed = async |path: String| -> Vec<String> {
        let (_, page) = sim.get(&path).await;
        let all = page["notifications"].as_array().unwrap();
        let code = |own: &serde_json::Value| own["error_code"].as_str().unwrap().to_owned();
        all.iter().map(code).collect()
    };
    assert_eq!(
        listed("/Notifications.json".to_owned()).await,
        ["12100", "12200"]
    );
    assert_eq!(
        listed("/Notifications.json?Log=1".to_owned()).await,
        ["12200"]
    );
    assert_eq!(
        listed(format!("/Calls/{failed}/Notifications.json?Log=1"))
            .await
            .len(),
        0
    );
    let (_, page) = sim
        .get(&format!("/Calls/{warned}/Notifications.json"))
        .await;
    assert_eq!(page["notifications"][0]["request_url"], url);
    let unknown = "/Calls/CA00000000000000000000000000000000/Notifications.json";
    assert_eq!(sim.get(unknown).await.0, 404);
    assert_eq!(
        sim.get("/Notifications/NO00000000000000000000000000000000.json")
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn url_wins_over_twiml_with_a_warning() {
    let (sim, app) = (Sim::start().await, App::with_twiml("<Response/>").await);
    let form = [
        ("Url", &*app.url("/voice")),
        ("Twiml", "<Response><Pause/></Response>"),
    ];
    let sid = sim.call(LISTENER, &form).await;
    app.wait("/voice", 1).await;
    let (_, page) = sim.get(&format!("/Calls/{sid}/Notifications.json")).await;
    assert_eq!(page["notifications"][0]["error_code"], "32019");
}
