//! Region and credentials for AWS on an operator's machine.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use outdial::aws::Transport;

use crate::error::Result;

/// Time limit for EC2's metadata service, which answers on EC2 only.
const METADATA_TIMEOUT: Duration = Duration::from_millis(500);

/// Finds region and credentials in the stack's variables. If they are not there, looks where the AWS CLI looks: in the
/// environment, in a profile, and in the role of the machine.
///
/// # Errors
///
/// If there are none. The message says which variables to set.
pub async fn configuration(value: impl Fn(&str) -> Option<String>) -> Result<SdkConfig> {
    let transport = Transport::new()?;
    let provider = ProviderConfig::without_region().with_http_client(transport.clone());
    let metadata = imds::Client::builder()
        .configure(&provider)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .max_attempts(1)
        .build();
    let region = match value("AWS_REGION") {
        Some(region) => Region::new(region),
        None => region(&provider, metadata.clone()).await?,
    };
    let credentials = match (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY")) {
        (Some(key), Some(secret)) => {
            let token = value("AWS_SESSION_TOKEN");
            Credentials::new(key, secret, token, None, "variables")
        }
        _ => credentials(provider, &region, metadata).await?,
    };
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(transport)
        .build())
}

async fn region(provider: &ProviderConfig, metadata: imds::Client) -> Result<Region> {
    let profile = ProfileFileRegionProvider::builder().configure(provider);
    let machine = ImdsRegionProvider::builder().configure(provider);
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(machine.imds_client(metadata).build())
        .region()
        .await;
    let region =
        region.ok_or("no AWS region: set AWS_REGION, or AWS_PROFILE to a profile with a region")?;
    Ok(region)
}

/// Finds credentials once: they outlast every command.
async fn credentials(
    provider: ProviderConfig,
    region: &Region,
    metadata: imds::Client,
) -> Result<Credentials> {
    let chain = DefaultCredentialsChain::builder()
        .configure(provider)
        .region(region.clone())
        .imds_client(metadata)
        .build()
        .await;
    // The error comes from the last provider, EC2's metadata service, and would mislead everywhere else.
    let found = chain.provide_credentials().await.map_err(|_| {
        "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN if they are temporary, or set \
         AWS_PROFILE to a profile that has them; for other profiles, such as those of SSO, run \
         `eval \"$(aws configure export-credentials --format env)\"` first"
    })?;
    Ok(found)
}
