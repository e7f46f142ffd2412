//! Twilio's Intelligence: services that transcribe recordings.

mod processing;
mod sentences;
mod webhook;

use chrono::Utc;

use crate::model::Service;
pub use processing::{resume, start};

/// The services at the start, and what Twilio doesn't document.
#[derive(Clone, Debug)]
pub struct Intelligence {
    /// The services.
    pub services: Vec<Service>,
    /// Send webhooks as forms instead of JSON.
    pub form_webhooks: bool,
    /// The channel of the called party in a dual recording: 1 or 2. The application has the other one.
    pub callee_channel: u16,
}

impl Default for Intelligence {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            form_webhooks: false,
            callee_channel: 1,
        }
    }
}

/// Parses a service: `GA…,LANGUAGE` or `GA…,LANGUAGE,URL`.
///
/// # Errors
///
/// A message, if the text is malformed.
pub fn parse_service(text: &str) -> Result<Service, String> {
    let mut parts = text.splitn(3, ',');
    let (sid, language) = (parts.next().unwrap_or_default(), parts.next());
    let digits = sid.strip_prefix("GA").unwrap_or_default();
    let is_sid = digits.len() == 32 && digits.chars().all(|c| c.is_ascii_hexdigit());
    match language {
        Some(language) if is_sid && !language.is_empty() => {
            let now = Utc::now();
            Ok(Service {
                sid: sid.to_owned(),
                name: sid.to_owned(),
                friendly_name: String::new(),
                language: language.to_owned(),
                webhook_url: parts.next().map(str::to_owned),
                created: now,
                updated: now,
            })
        }
        _ => Err(
            "must be GA followed by 32 hex digits, a comma, a language such as en-US, and optionally a comma and the webhook URL"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_is_parsed_with_and_without_a_webhook() {
        let sid = "GAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let service = parse_service(&format!("{sid},en-US,http://127.0.0.1:1/x?a,b")).unwrap();
        assert_eq!(
            (service.sid.as_str(), service.language.as_str()),
            (sid, "en-US")
        );
        assert_eq!(
            service.webhook_url.as_deref(),
            Some("http://127.0.0.1:1/x?a,b")
        );
        assert_eq!(
            parse_service(&format!("{sid},de-DE")).unwrap().webhook_url,
            None
        );
        for malformed in ["", sid, "GA1,en-US", &format!("{sid},")] {
            assert!(parse_service(malformed).is_err(), "{malformed}");
        }
    }
}
