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

/// Carries the SDK's requests over the HTTP client, TLS stack and bundled roots that the rest of the service uses.
#[derive(Debug, Clone)]
pub struct Transport(reqwest::Client);

/// The client, with the time that the SDK gives to what it is used for.
#[derive(Debug)]
struct Connector {
    http: reqwest::Client,
    time_out: Option<Duration>,
}

/// A connection that has idled for longer, frozen with its environment, may be dead without a sign.
const MAX_IDLE_TIME: Duration = Duration::from_secs(5);

impl Transport {
    /// A transport of its own. No connection is made.
    ///
    /// # Errors
    ///
    /// When TLS or the HTTP client cannot be set up.
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
    let mut answer = http::Response::new(());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    let body = response.bytes().await.map_err(connector_error)?;
    HttpResponse::try_from(answer.map(|()| SdkBody::from(body)))
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
        let Some(time_out) = self.time_out else {
            return HttpConnectorFuture::new(sent);
        };
        HttpConnectorFuture::new(async move {
            tokio::time::timeout(time_out, sent)
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
            time_out: parts.into_iter().flatten().reduce(|sum, part| sum + part),
        })
    }
}
