//! `…_QUEUE_URL`: the SQS queues.

use url::Url;

use super::{ConfigError, Settings};

impl Settings {
    /// Parses `DIAL_QUEUE_URL`: the queue of calls to dial now. Without it, no call can be scheduled.
    ///
    /// # Errors
    ///
    /// When `DIAL_QUEUE_URL` is malformed.
    pub fn dial_queue(&self) -> Result<Option<Url>, ConfigError> {
        self.queue("DIAL_QUEUE_URL")
    }

    /// Parses `EFFECTS_QUEUE_URL`: the queue of calls that ended and have effects left. Without it, a schedule finds them.
    ///
    /// # Errors
    ///
    /// When `EFFECTS_QUEUE_URL` is malformed.
    pub fn effects_queue(&self) -> Result<Option<Url>, ConfigError> {
        self.queue("EFFECTS_QUEUE_URL")
    }

    /// Parses `WAKE_QUEUE_URL`: the queue that wakes `dispatch`. Without it, only a schedule starts `dispatch`.
    ///
    /// # Errors
    ///
    /// When `WAKE_QUEUE_URL` is malformed.
    pub fn wake_queue(&self) -> Result<Option<Url>, ConfigError> {
        self.queue("WAKE_QUEUE_URL")
    }

    /// Parses `WEBHOOK_QUEUE_URL`: the queue for webhooks that the database could not store.
    ///
    /// Without a queue, such webhooks are answered 503.
    ///
    /// # Errors
    ///
    /// When `WEBHOOK_QUEUE_URL` is malformed.
    pub fn webhook_queue(&self) -> Result<Option<Url>, ConfigError> {
        self.queue("WEBHOOK_QUEUE_URL")
    }

    fn queue(&self, name: &'static str) -> Result<Option<Url>, ConfigError> {
        const EXPECTED: &str = "the full URL of an SQS queue, such as https://sqs.us-east-1.amazonaws.com/123456789012/queue";
        let Some(text) = self.values.get(name)? else {
            return Ok(None);
        };
        Url::parse(text)
            .ok()
            .filter(|url| url.has_host() && self.environment.allows_scheme(url.scheme()))
            .map(Some)
            .ok_or_else(|| ConfigError::malformed(name, EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Queue = fn(&Settings) -> Result<Option<Url>, ConfigError>;

    const QUEUES: [(&str, Queue); 4] = [
        ("DIAL_QUEUE_URL", Settings::dial_queue),
        ("EFFECTS_QUEUE_URL", Settings::effects_queue),
        ("WAKE_QUEUE_URL", Settings::wake_queue),
        ("WEBHOOK_QUEUE_URL", Settings::webhook_queue),
    ];

    #[test]
    fn queue_is_a_full_url() {
        for (name, queue) in QUEUES {
            let parsed = |environment, url| {
                let pairs = [("ENVIRONMENT", environment), (name, url)];
                queue(&Settings::from_pairs(pairs).unwrap())
            };
            let url = "https://sqs.us-east-1.amazonaws.com/123456789012/queue";
            assert_eq!(parsed("production", ""), Ok(None));
            let named = parsed("production", url);
            assert_eq!(named.unwrap().unwrap().as_str(), url);
            for bad in [
                "queue",
                "http://127.0.0.1:5000/123456789012/queue",
                "arn:aws:sqs:us-east-1:123456789012:queue",
            ] {
                let error = parsed("production", bad).unwrap_err().to_string();
                assert!(
                    error.starts_with(&format!("{name} is malformed")),
                    "{error}"
                );
            }
            let local = "http://127.0.0.1:5000/123456789012/queue";
            assert!(parsed("development", local).is_ok());
        }
    }
}
