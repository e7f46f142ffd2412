//! Incoming webhooks: [`SignedForm`] checks Twilio's signature, [`WebhookEvent`] parses the form, [`WebhookReceiver`] applies the
//! event to its call, and [`WebhookQueue`] keeps it while the database is unavailable.

mod apply;
mod event;
mod extractor;
mod fallback;
mod queue;
mod spoken;
mod step_request;
mod transcript;

pub use crate::aws::sqs::{QueueError, SEND_TIMEOUT};
pub use apply::{WebhookApplier, WebhookReceiver, twiml};
pub use event::{
    InboundForm, InvalidForm, WebhookEvent, WebhookTopic, parse_inbound, parse_machine,
    parse_recording, parse_status, parse_voice,
};
pub use extractor::{SignatureCheck, SignedForm};
pub use fallback::FallbackRequest;
pub use queue::{QueuedWebhook, StepEnd, WebhookQueue};
pub use spoken::{say_notice, speech_in};
pub use step_request::{LegForm, StepRequest, repeats_start};
pub use transcript::{TranscriptUpdate, parse_transcript};
