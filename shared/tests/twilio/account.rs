//! Tests the ping, which fetches the account.

use std::time::{Duration, Instant};

use outdial::twilio::{TwilioClient, TwilioError};

use crate::server::{ACCOUNT, Reply, Server, client, config, impatient, patient};
use crate::support::{assert_unavailable, code};

#[tokio::test]
async fn ping_fetches_the_account() {
    let server = Server::start([Reply::http(200, r#"{"status": "active"}"#)]).await;
    server.client().ping().await.unwrap();
    assert_eq!(
        server.request().line,
        format!("GET /2010-04-01/Accounts/{ACCOUNT}.json HTTP/1.1")
    );
}

#[tokio::test]
async fn ping_with_an_api_key_reads_calls() {
    let server = Server::start([Reply::http(200, r#"{"calls": []}"#)]).await;
    let mut config = config(&format!("http://{}", server.address));
    config.api_key = Some(("SK1".to_owned(), "key-secret".into()));
    let client = TwilioClient::with_timeouts(&config, patient()).unwrap();
    client.ping().await.unwrap();
    assert_eq!(
        server.request().line,
        format!("GET /2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=1 HTTP/1.1")
    );
}

#[tokio::test]
async fn ping_distinguishes_wrong_credentials_from_no_response() {
    let server = Server::start([Reply::refusal(401, 20003, "Authenticate")]).await;
    let error = server.client().ping().await.unwrap_err();
    assert_eq!(code(&error), Some(20003));

    for reply in [Reply::Stall, Reply::http(503, "")] {
        let server = Server::start([reply]).await;
        let begun = Instant::now();
        assert_unavailable(client(server.address, impatient()).ping().await);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn ping_fails_without_an_account_in_the_response() {
    let server = Server::start([Reply::http(200, "pong")]).await;
    let result = client(server.address, impatient()).ping().await;
    assert!(
        matches!(result, Err(TwilioError::Unusable(_))),
        "{result:?}"
    );
    assert_eq!(server.requests().len(), 1);
}
