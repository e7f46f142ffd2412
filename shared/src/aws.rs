//! What every client of the AWS SDK here has in common.

mod transport;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
};

use aws_sdk_secretsmanager::config::SharedCredentialsProvider;

pub use transport::Transport;

use crate::config::variable;

/// The AWS services that the functions use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Secrets Manager.
    Secrets,
    /// SQS.
    Queues,
}

/// What the environment of a function tells the SDK: region, credentials, `AWS_ENDPOINT_URL…`.
///
/// A function has all of it in its variables. Nothing else is asked, as the SDK would by default: that costs time at each
/// start, and a megabyte in each binary.
#[must_use]
pub fn configuration(http: Transport, service: Service) -> SdkConfig {
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable("AWS_REGION").map(Region::new))
        .http_client(http);
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(
        EnvironmentVariableCredentialsProvider::new(),
    )));
    config.set_endpoint_url(endpoint(service));
    config.build()
}

/// Where the environment says that the service is, in place of its usual address.
#[must_use]
pub fn endpoint(service: Service) -> Option<String> {
    let name = match service {
        Service::Secrets => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        Service::Queues => "AWS_ENDPOINT_URL_SQS",
    };
    variable(name).or_else(|| variable("AWS_ENDPOINT_URL"))
}

/// Why a request never got to `service`, as far as the environment tells.
pub(crate) fn unreachable(service: &str) -> String {
    const NEEDED: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let missing: Vec<_> = NEEDED
        .into_iter()
        .filter(|name| variable(name).is_none())
        .collect();
    if missing.is_empty() {
        format!("{service} could not be reached")
    } else {
        format!("no AWS region or credentials: set {}", missing.join(", "))
    }
}
