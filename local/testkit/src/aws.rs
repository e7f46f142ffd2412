use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use outdial::aws::Transport;

/// How the SDK finds the server for tests that the variable names.
///
/// # Panics
///
/// Where there is no such variable.
pub(crate) fn configuration(variable: &str) -> SdkConfig {
    let endpoint = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} must name an AWS server for tests: `cargo xtask test` starts one and sets it")
    });
    let credentials = Credentials::new("tests", "tests", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(Transport::new().expect("TLS can be set up"))
        .build()
}
