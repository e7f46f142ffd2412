//! `WEBHOOK_QUEUE_URL`: the queue for webhooks.

use url::Url;

use super::{ConfigError, Settings};

impl Settings {
    /// Parses `WEBHOOK_QUEUE_URL`: the queue for webhooks that the database could not store.
    ///
    /// Without a queue, such webhooks are answered 503.
    ///
    /// # Errors
    ///
    /// When `WEBHOOK_QUEUE_URL` is malformed.
    pub fn webhook_queue(&self) -> Result<Option<Url>, ConfigError> {
        const EXPECTED: &str = "the full URL of an SQS queue, such as https://sqs.us-east-1.amazonaws.com/123456789012/webhooks";
        let Some(text) = self.values.get("WEBHOOK_QUEUE_URL")? else {
            return Ok(None);
        };
        Url::parse(text)
            .ok()
            .filter(|url| url.has_host() && self.environment.allows_scheme(url.scheme()))
            .map(Some)
            .ok_or_else(|| ConfigError::malformed("WEBHOOK_QUEUE_URL", EXPECTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn queue_is_a_full_url() {
        let queue = |pairs: [(&str, &str); 2]| settings(pairs).webhook_queue();
        let production = ("ENVIRONMENT", "production");
        let url = "https://sqs.us-east-1.amazonaws.com/123456789012/webhooks";
        assert_eq!(queue([production, ("WEBHOOK_QUEUE_URL", "")]), Ok(None));
        let named = queue([production, ("WEBHOOK_QUEUE_URL", url)]);
        assert_eq!(named.unwrap().unwrap().as_str(), url);
        for bad in [
            "webhooks",
            "http://127.0.0.1:5000/123456789012/webhooks",
            "arn:aws:sqs:us-east-1:123456789012:webhooks",
        ] {
            assert!(
                queue([production, ("WEBHOOK_QUEUE_URL", bad)]).is_err(),
                "{bad}"
            );
        }
        let local = (
            "WEBHOOK_QUEUE_URL",
            "http://127.0.0.1:5000/123456789012/webhooks",
        );
        assert!(queue([("ENVIRONMENT", "development"), local]).is_ok());
    }
}
