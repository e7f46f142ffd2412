use aws_sdk_secretsmanager::Client;
use outdial::{config::Settings, secret::RefreshPolicy};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Stage, aws};

/// A secret that nobody else uses, on the server that `AWS_ENDPOINT_URL_SECRETS_MANAGER` names: functions find it there
/// by the same variable.
#[derive(Debug, Clone)]
pub struct Secret {
    client: Client,
    id: String,
}

impl Secret {
    /// A secret that holds these variables.
    ///
    /// # Panics
    ///
    /// Without the server.
    pub async fn holding(variables: &Value) -> Self {
        let client = Client::new(&aws::configuration("AWS_ENDPOINT_URL_SECRETS_MANAGER"));
        let id = format!("test/{}", Uuid::new_v4().simple());
        let made = client.create_secret().name(&id);
        made.secret_string(variables.to_string())
            .send()
            .await
            .expect("the server makes a secret");
        Self { client, id }
    }

    /// What `SECRET_ID` must be.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Lets it hold these variables from now on, and no others.
    ///
    /// # Panics
    ///
    /// When the server does not take them.
    pub async fn rotate(&self, variables: &Value) {
        let put = self.client.put_secret_value().secret_id(&self.id);
        put.secret_string(variables.to_string())
            .send()
            .await
            .expect("the server takes a secret");
    }
}

impl Stage {
    /// What a function is configured with whose variables of the secret are these, read as often as functions read it.
    ///
    /// # Panics
    ///
    /// When the secret cannot be read.
    pub async fn settings_by(&self, secret: &Secret) -> Settings {
        self.settings_with_refresh_policy(secret, RefreshPolicy::default())
            .await
    }

    /// Likewise, read at other times.
    ///
    /// # Panics
    ///
    /// When the secret cannot be read.
    pub async fn settings_with_refresh_policy(
        &self,
        secret: &Secret,
        pauses: RefreshPolicy,
    ) -> Settings {
        let stage = self.clone().set("SECRET_ID", &secret.id);
        Settings::with_secret(stage.values(), pauses)
            .await
            .expect("the secret can be read")
    }
}

/// The variables of a secret with the keys, token and signing key of [`Stage`], changed as told.
#[must_use]
pub fn secret_with(changes: &Value) -> Value {
    let mut variables = json!({
        "API_KEYS": crate::api_key("tester", crate::API_KEY, ""),
        "MEDIA_SIGNING_KEY": "signs-media-in-tests",
        "TWILIO_AUTH_TOKEN": crate::AUTH_TOKEN,
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        variables[name] = value.clone();
    }
    variables
}
