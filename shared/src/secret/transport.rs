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
pub(super) struct ReqwestTransport(reqwest::Client);

impl ReqwestTransport {
    pub(super) fn new() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config()?)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self(client))
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?
            .map(|body| reqwest::Body::from(body.bytes().unwrap_or_default().to_vec()));
        let request = reqwest::Request::try_from(request)
            .map_err(|error| ConnectorError::user(error.into()))?;
        let response = self.0.execute(request).await.map_err(connector_error)?;
        let mut answer = http::Response::new(());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        let body = response.bytes().await.map_err(connector_error)?;
        HttpResponse::try_from(answer.map(|()| SdkBody::from(body)))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
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

impl HttpConnector for ReqwestTransport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl HttpClient for ReqwestTransport {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
