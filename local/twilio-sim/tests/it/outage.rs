//! Refused and closed connections.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::faults::with;
use crate::support::{DEADLINE, FROM, LISTENER, Sim, client};

async fn put(sim: &Sim, plan: Value) {
    let url = format!("{}/_sim/faults", sim.origin);
    let deadline = Instant::now() + DEADLINE;
    loop {
        let request = sim.client.put(&url).body(plan.to_string());
        match request.send().await {
            // A connection whose response has been read returns to the pool.
            Ok(answer) => return assert!(answer.status() == 200 && answer.bytes().await.is_ok()),
            Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Creates a call on the connection pool of `http`.
async fn create(sim: &Sim, http: &reqwest::Client) -> reqwest::Result<u16> {
    let form = [("To", LISTENER), ("From", FROM), ("Twiml", "<Response/>")];
    let request = http.post(sim.url("/Calls.json")).form(&form);
    let request = request.basic_auth(&sim.account, Some(&sim.token));
    Ok(request.send().await?.status().as_u16())
}

async fn wait_until_connected(sim: &Sim) {
    let deadline = Instant::now() + DEADLINE;
    while let Err(error) = create(sim, &client()).await {
        assert!(error.is_connect() && Instant::now() < deadline, "{error:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn connections_are_refused_until_the_plan_ends() {
    let sim = Sim::start().await;
    put(&sim, json!({ "refuse_connections_ms": 600_000 })).await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        // A connection of the backlog may still be reset.
        match create(&sim, &client()).await {
            Err(error) if error.is_connect() => break,
            _ => assert!(Instant::now() < deadline),
        }
    }
    assert!(create(&sim, &client()).await.unwrap_err().is_connect());
    // The inspection API still responds on the open connection.
    let dials = sim.dials("").await;
    assert_eq!(dials, [Value::Null; 0]);
    put(&sim, json!({})).await;
    wait_until_connected(&sim).await;
    assert_eq!(sim.dials("").await.len(), 1);
}

#[tokio::test]
async fn open_connection_is_reset_while_connections_are_refused() {
    let sim = Sim::start().await;
    let address = sim.origin.strip_prefix("http://").unwrap();
    let open = TcpStream::connect(address).unwrap();
    // A response shows that the simulator has accepted the connection.
    let open = ask(open, "GET /_sim/health").await.unwrap();
    put(&sim, json!({ "refuse_connections_ms": 300 })).await;
    let path = sim.url("/Calls.json");
    let path = path.strip_prefix(&sim.origin).unwrap();
    let error = ask(open, &format!("POST {path}")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    wait_until_connected(&sim).await;
    assert_eq!(sim.dials("").await.len(), 1);
}

/// Sends a request without a body, and reads the response, which must be a flat JSON object.
async fn ask(mut open: TcpStream, what: &str) -> io::Result<TcpStream> {
    let request = format!("{what} HTTP/1.1\r\nHost: twilio\r\nContent-Length: 0\r\n\r\n");
    let work = move || {
        open.set_read_timeout(Some(DEADLINE))?;
        open.write_all(request.as_bytes())?;
        let mut byte = [0];
        while byte != *b"}" {
            open.read_exact(&mut byte)?;
        }
        Ok(open)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn connection_is_closed_without_a_response() {
    for (when, made) in [("before", 0), ("after", 1)] {
        let sim =
            with(json!({ "rest": [{ "on": "create", "when": when, "action": "close" }] })).await;
        let error = create(&sim, &sim.client).await.unwrap_err();
        assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
        let (_, list) = sim.get("/Calls.json").await;
        assert_eq!(list["calls"].as_array().map(Vec::len), Some(made));
    }
}
