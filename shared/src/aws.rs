//! What every client of the AWS SDK here has in common.

mod transport;

use aws_config::{BehaviorVersion, SdkConfig};

pub use transport::Transport;

/// What the environment tells the SDK: region, credentials, `AWS_ENDPOINT_URL…`.
///
/// Where the environment names no region or credentials, the SDK asks around for them: limit the time.
pub async fn configuration(http: Transport) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .load()
        .await
}
