//! Configures the AWS SDK for the test server.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use outdial::aws::Transport;

/// Returns the SDK's configuration for the server that an environment variable names.
///
/// # Panics
///
/// If the variable is not set.
pub(crate) fn configuration(variable: &str) -> SdkConfig {
    let endpoint = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set. `cargo xtask test` starts an AWS server and sets it")
    });
    let credentials = Credentials::new("tests", "tests", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(Transport::new().expect("TLS is available"))
        .build()
}
