//! The configuration of the AWS SDK's clients.

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
};

use aws_sdk_secretsmanager::config::SharedCredentialsProvider;

use super::Transport;
use crate::variables::variable;

/// The AWS services that the functions use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Secrets Manager.
    Secrets,
    /// SQS.
    Queues,
}

/// The SDK's configuration from the process's variables: region, credentials and `AWS_ENDPOINT_URL…`.
///
/// Lambda sets all of them. The SDK's default chain also reads other places, which costs time at each cold start and a
/// megabyte in each binary.
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

/// The service's endpoint URL from the process's variables, if it is not the default one.
#[must_use]
pub fn endpoint(service: Service) -> Option<String> {
    let name = match service {
        Service::Secrets => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        Service::Queues => "AWS_ENDPOINT_URL_SQS",
    };
    variable(name).or_else(|| variable("AWS_ENDPOINT_URL"))
}

/// An error text for a request that never reached `service`. Names missing variables.
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
