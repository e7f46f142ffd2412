//! Tests reading and deleting recordings and their audio.

use outdial::twilio::TwilioClient;

use crate::server::{ACCOUNT, Reply, Server, client, config, impatient};
use crate::support::{RECORDING, assert_unavailable, code, recording_sid};

#[tokio::test]
async fn recordings_url_is_the_resource_without_an_extension() {
    let client = TwilioClient::new(&config("https://api.twilio.com")).unwrap();
    assert_eq!(
        client.get_recording_url(&recording_sid()).as_str(),
        format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}")
    );
}

#[tokio::test]
async fn deleting_a_missing_recording_succeeds() {
    for reply in [
        Reply::http(204, ""),
        Reply::refusal(404, 20404, "not found"),
    ] {
        let server = Server::start([reply]).await;
        let client = server.client();
        client.delete_recording(&recording_sid()).await.unwrap();
        assert_eq!(
            server.request().line,
            format!("DELETE /2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}.json HTTP/1.1")
        );
    }
    let server = Server::start([Reply::http(500, "")]).await;
    assert_unavailable(server.client().delete_recording(&recording_sid()).await);
}

#[tokio::test]
async fn audio_is_unchanged_and_a_range_is_forwarded() {
    let answer = "HTTP/1.1 206 X\r\nContent-Range: bytes 0-3/100\r\nContent-Length: 4\r\n\r\nRIFF";
    let server = Server::start([Reply::Raw(answer.to_owned())]).await;
    let client = server.client();
    let response = client
        .fetch_media(&recording_sid(), Some("bytes=0-3"))
        .await;
    let response = response.unwrap();
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()["content-range"], "bytes 0-3/100");
    assert_eq!(response.bytes().await.unwrap(), "RIFF");
    let request = server.request();
    assert_eq!(
        request.line,
        format!("GET /2010-04-01/Accounts/{ACCOUNT}/Recordings/{RECORDING}.wav HTTP/1.1")
    );
    assert_eq!(request.headers["range"], "bytes=0-3");
}

#[tokio::test]
async fn missing_audio_is_reported_by_status() {
    for status in [200, 404, 416] {
        let server = Server::start([Reply::http(status, "body")]).await;
        let response = server.client().fetch_media(&recording_sid(), None).await;
        let response = response.unwrap();
        assert_eq!(response.status(), status);
        assert!(!server.request().headers.contains_key("range"));
    }
}

#[tokio::test]
async fn refused_or_missing_audio_is_an_error() {
    let server = Server::start([Reply::refusal(401, 20003, "Authenticate")]).await;
    let result = server.client().fetch_media(&recording_sid(), None).await;
    assert_eq!(code(&result.unwrap_err()), Some(20003));
    for reply in [
        Reply::http(503, ""),
        Reply::http(204, ""),
        Reply::Stall,
        Reply::Reset,
    ] {
        let server = Server::start([reply]).await;
        let client = client(server.address, impatient());
        assert_unavailable(client.fetch_media(&recording_sid(), None).await);
    }
}

#[tokio::test]
async fn redirect_to_the_audio_is_followed_without_our_credentials() {
    let store = Server::start([Reply::http(200, "RIFF")]).await;
    let to = format!("http://{}/store/audio.wav?signature=1", store.address);
    let server = Server::start([Reply::redirect(&to)]).await;
    let client = server.client();
    let response = client.fetch_media(&recording_sid(), Some("bytes=0-")).await;
    assert_eq!(response.unwrap().bytes().await.unwrap(), "RIFF");
    let request = store.request();
    assert_eq!(request.line, "GET /store/audio.wav?signature=1 HTTP/1.1");
    assert_eq!(request.headers["range"], "bytes=0-");
    assert!(!request.headers.contains_key("authorization"));
    assert!(!request.headers.contains_key("referer"));
}

#[tokio::test]
async fn endless_redirects_are_an_error() {
    let server = Server::start([Reply::redirect("/again")]).await;
    let result = server.client().fetch_media(&recording_sid(), None).await;
    assert_unavailable(result);
    let each_try = 4;
    assert_eq!(server.requests().len(), 3 * each_try);
}
