//! The most requests to create calls in any window.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;
use twilio_sim::dials::Dials;

use crate::dials::dial;
use crate::support::{LISTENER, Sim};

async fn pace(sim: &Sim, query: &str) -> Result<Value, u16> {
    let url = format!("{}/_sim/pace{query}", sim.origin);
    let answer = sim.client.get(url).send().await.unwrap();
    match answer.status().as_u16() {
        200 => Ok(answer.json().await.unwrap()),
        status => Err(status),
    }
}

#[tokio::test]
async fn pace_counts_refused_requests_too() {
    let sim = Sim::start().await;
    let none = pace(&sim, "").await.unwrap();
    assert_eq!((&none["highest"], &none["at"]), (&0.into(), &Value::Null));
    sim.call(LISTENER, &[("Twiml", "<Response/>")]).await;
    sim.post("/Calls.json", &[]).await;
    sim.get("/Calls.json").await;
    let all = pace(&sim, "?window_ms=3600000").await.unwrap();
    let dials = sim.dials("").await;
    for (name, value) in [
        ("requests", 2.into()),
        ("total", 2.into()),
        ("window_ms", 3_600_000.into()),
        ("highest", 2.into()),
        ("first", 0.into()),
        ("at", dials[0]["at"].clone()),
    ] {
        assert_eq!(all[name], value, "{name}");
    }
    let last = pace(&sim, "?since=1").await.unwrap();
    assert_eq!(
        (&last["requests"], &last["highest"]),
        (&1.into(), &1.into())
    );
    assert_eq!((&last["first"], &last["total"]), (&1.into(), &2.into()));
    for wrong in ["?window_ms=0", "?window_ms=3600001", "?window_ms=x"] {
        assert_eq!(pace(&sim, wrong).await, Err(400), "{wrong}");
    }
}

#[test]
fn window_includes_its_start_but_not_its_end() {
    let mut dials = Dials::default();
    for (n, steady_us) in (0..).zip([0, 999_999, 1_000_000, 1_000_000]) {
        dials.restore(dial(n, steady_us));
    }
    let (most, first) = dials.busiest(0, Duration::from_secs(1)).unwrap();
    assert_eq!((most, first.n), (3, 1));
    let (most, first) = dials.busiest(0, Duration::from_micros(1)).unwrap();
    assert_eq!((most, first.n), (2, 2));
}

proptest! {
    #[test]
    fn busiest_window_is_the_one_that_trying_all_finds(
        mut times in prop::collection::vec(0_u64..200, 1..40),
        window in 1_u64..60,
    ) {
        times.sort_unstable();
        let mut dials = Dials::default();
        for (n, time) in (0..).zip(&times) {
            dials.restore(dial(n, *time));
        }
        let within = |start: u64| times.iter().filter(|time| (start..start + window).contains(time)).count();
        let most = times.iter().map(|start| within(*start)).max().unwrap();
        let (found, first) = dials.busiest(0, Duration::from_micros(window)).unwrap();
        prop_assert_eq!(found, most);
        prop_assert_eq!(within(first.steady_us), most);
    }
}
