//! A secret in Secrets Manager for one test.

use aws_sdk_secretsmanager::Client;
use outdial::config::{RefreshPolicy, Settings};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aws;
use crate::identity::{API_KEY, AUTH_TOKEN, api_key};
use crate::stage::Stage;

/// A secret for one test, on the server that `AWS_ENDPOINT_URL_SECRETS_MANAGER` names. Functions use the same variable.
#[derive(Debug, Clone)]
pub struct Secret {
    client: Client,
    id: String,
}

impl Secret {
    /// Creates a secret with these variables.
    ///
    /// # Panics
    ///
    /// If the server doesn't run.
    pub async fn holding(variables: &Value) -> Self {
        let client = Client::new(&aws::configuration("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
        let id = format!("test/{}", Uuid::new_v4().simple());
        let create = client.create_secret().name(&id);
        create
            .secret_string(variables.to_string())
            .send()
            .await
            .expect("the server creates the secret");
        Self { client, id }
    }

    /// Returns the value of `SECRET_ID`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Replaces all variables of the secret.
    ///
    /// # Panics
    ///
    /// If the server refuses them.
    pub async fn rotate(&self, variables: &Value) {
        let put = self.client.put_secret_value().secret_id(&self.id);
        put.secret_string(variables.to_string())
            .send()
            .await
            .expect("the server stores the secret");
    }
}

impl Stage {
    /// Returns the configuration of a function that reads this secret, with the refresh policy of deployed functions.
    ///
    /// # Panics
    ///
    /// If the secret can't be read.
    pub async fn settings_by(&self, secret: &Secret) -> Settings {
        self.settings_with_refresh_policy(secret, RefreshPolicy::default())
            .await
    }

    /// Like [`Stage::settings_by`], with another refresh policy.
    ///
    /// # Panics
    ///
    /// If the secret can't be read.
    pub async fn settings_with_refresh_policy(
        &self,
        secret: &Secret,
        policy: RefreshPolicy,
    ) -> Settings {
        let stage = self.clone().set("SECRET_ID", &secret.id);
        Settings::with_secret(stage.values(), policy)
            .await
            .expect("the secret is readable")
    }
}

/// Returns the API keys, auth token and signing key of a [`Stage`], with these changes, as the variables of a secret.
#[must_use]
pub fn secret_with(changes: &Value) -> Value {
    let mut variables = json!({
        "API_KEYS": api_key("tester", API_KEY, ""),
        "MEDIA_SIGNING_KEY": "signs-media-in-tests",
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        variables[name] = value.clone();
    }
    variables
}
