//! Lists of the REST API: pages and filters.

use crate::support::{App, LISTENER, Sim};

#[tokio::test]
async fn pages_go_from_the_newest_call_to_the_oldest() {
    let sim = Sim::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(
            0,
            sim.call("+12125550101", &[("Twiml", "<Response/>")]).await,
        );
    }
    sim.call(LISTENER, &[("Twiml", "<Response/>")]).await;
    let mut next = Some("/Calls.json?PageSize=2&To=%2B12125550101".to_owned());
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let (status, page) = sim
            .send(sim.client.get(if pages == 0 {
                sim.url(&path)
            } else {
                format!("{}{path}", sim.origin)
            }))
            .await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(
            (page["page"].as_u64(), page["page_size"].as_u64()),
            (Some(pages), Some(2))
        );
        assert_eq!(page["start"], pages * 2);
        assert!(
            page["first_page_uri"]
                .as_str()
                .unwrap()
                .ends_with("PageSize=2&Page=0")
        );
        assert_eq!(page["previous_page_uri"].is_null(), pages == 0);
        seen.extend(
            page["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["sid"].as_str().unwrap().to_owned()),
        );
        next = page["next_page_uri"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((seen, pages), (made, 3));
}

#[tokio::test]
async fn new_call_does_not_shift_the_pages() {
    let sim = Sim::start().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(sim.call("+12125550101", &[("Twiml", "<Response/>")]).await);
    }
    let (_, first) = sim.get("/Calls.json?PageSize=2").await;
    sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    let next = first["next_page_uri"].as_str().unwrap();
    let (_, second) = sim
        .send(sim.client.get(format!("{}{next}", sim.origin)))
        .await;
    assert_eq!(second["calls"][0]["sid"], made[0].as_str());
    assert_eq!(second["calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn page_size_is_between_1_and_1000() {
    let sim = Sim::start().await;
    for (size, status) in [
        ("1", 200),
        ("1000", 200),
        ("0", 400),
        ("1001", 400),
        ("x", 400),
        ("-1", 400),
    ] {
        assert_eq!(
            sim.get(&format!("/Calls.json?PageSize={size}")).await.0,
            status,
            "{size}"
        );
    }
}

#[tokio::test]
async fn filters_select_calls() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let busy = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    let done = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    sim.wait_for_status(&busy, "busy").await;
    let call = sim.wait_for_status(&done, "completed").await;
    let listed = async |query: &str| {
        let (status, list) = sim.get(&format!("/Calls.json?{query}")).await;
        assert_eq!(status, 200, "{list}");
        list["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["sid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let both = [done.as_str(), busy.as_str()];
    assert_eq!(listed("").await, both);
    assert_eq!(listed("Status=busy").await, [busy.as_str()]);
    assert_eq!(listed("To=%2B12125551234").await, [done.as_str()]);
    assert_eq!(listed("From=%2B15005550006").await, both);
    assert_eq!(listed("From=%2B12125550000").await.len(), 0);
    assert_eq!(
        listed("ParentCallSid=CA00000000000000000000000000000000")
            .await
            .len(),
        0
    );
    assert_eq!(listed("StartTime%3E=2000-01-01").await, both);
    assert_eq!(listed("StartTime%3C=2000-01-01").await.len(), 0);
    assert_eq!(listed("StartTime%3E=2999-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(
        listed("EndTime%3E=2000-01-01&EndTime%3C=2999-01-01").await,
        both
    );
    let day = chrono::DateTime::parse_from_rfc2822(call["start_time"].as_str().unwrap())
        .unwrap()
        .format("%Y-%m-%d");
    assert!(listed(&format!("StartTime={day}")).await.contains(&done));
    // Twilio's SDKs send a time for a date.
    assert!(
        listed(&format!("StartTime={day}T23:59:59Z"))
            .await
            .contains(&done)
    );
    assert_eq!(sim.get("/Calls.json?StartTime=yesterday").await.0, 400);
}
