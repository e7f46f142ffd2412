//! The HTTP transport of the AWS SDK.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;

use crate::tls;

/// Sends the SDK's requests through the HTTP client, TLS stack and bundled roots that the rest of the service uses.
#[derive(Debug, Clone)]
pub struct Transport(reqwest::Client);

/// The HTTP client, with the timeout that the SDK sets for one use of it.
#[derive(Debug)]
struct Connector {
    http: reqwest::Client,
    timeout: Option<Duration>,
}

/// The longest idle time of a connection. An environment may be frozen for a while, and its connections may die unnoticed.
const MAX_IDLE_TIME: Duration = Duration::from_secs(5);

impl Transport {
    /// Creates a transport with its own connections. Connects nowhere yet.
    ///
    /// # Errors
    ///
    /// When TLS or the HTTP client can't be set up.
    pub fn new() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config()?)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(MAX_IDLE_TIME)
            .build()?;
        Ok(Self(client))
    }
}

async fn send(
    client: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?
        .map(|body| reqwest::Body::from(body.bytes().unwrap_or_default().to_vec()));
    let request =
        reqwest::Request::try_from(request).map_err(|error| ConnectorError::user(error.into()))?;
    let response = client.execute(request).await.map_err(connector_error)?;
    let mut received = http::Response::new(());
    *received.status_mut() = response.status();
    *received.headers_mut() = response.headers().clone();
    let body = response.bytes().await.map_err(connector_error)?;
    HttpResponse::try_from(received.map(|()| SdkBody::from(body)))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_connect() || error.is_request() {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), None)
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sent = send(self.http.clone(), request);
        let Some(timeout) = self.timeout else {
            return HttpConnectorFuture::new(sent);
        };
        HttpConnectorFuture::new(async move {
            tokio::time::timeout(timeout, sent)
                .await
                .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into())))
        })
    }
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let parts = [settings.connect_timeout(), settings.read_timeout()];
        SharedHttpConnector::new(Connector {
            http: self.0.clone(),
            timeout: parts.into_iter().flatten().reduce(|sum, part| sum + part),
        })
    }
}
