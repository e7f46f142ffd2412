//! A leg: the call that a Dial makes. It hears its own document first, and is then connected with the call that dialled it.

use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use super::document::error;
use super::player::{Ending, Player, Stop};
use crate::model::{EndedBy, Status};
use crate::twiml::{Document, TwimlError, Verb};

/// The link of a leg to the call that dialled it.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) news: mpsc::UnboundedSender<LegNews>,
    /// The age of this leg at which the other call ends by itself.
    pub(super) other_ends_at: Duration,
}

/// What happens to a leg.
#[derive(Debug)]
pub(super) struct LegNews {
    /// The age of the leg.
    pub(super) at: Duration,
    pub(super) event: LegEvent,
}

/// A change of a leg that concerns the call that dialled it.
#[derive(Clone, Copy, Debug)]
pub(super) enum LegEvent {
    /// Both parties hear each other.
    Bridged,
    /// The REST API gave the leg other instructions, so it goes on alone.
    Left,
    /// The leg has ended.
    Ended {
        status: Status,
        /// From its answer to its end.
        seconds: u64,
    },
}

impl Player {
    /// Tells the call that dialled this leg, if it is one.
    pub(super) fn tell_other_leg(&self, event: LegEvent) {
        if let Some(leg) = &self.leg {
            let at = self.clock.passed();
            // The other call doesn't listen after its own end.
            let _ = leg.news.send(LegNews { at, event });
        }
    }

    /// Connects this leg until one of the parties hangs up. Returns why it stops.
    pub(super) async fn bridge(&mut self) -> Stop {
        self.tell_other_leg(LegEvent::Bridged);
        self.log(
            "bridge",
            json!({ "parent_call_sid": self.request.origin.parent() }),
        );
        let began = self.clock.passed();
        let talked = self.wait(self.callee.talks).await;
        let seconds = self.clock.since(began).as_secs();
        self.sim.store.update_call(&self.sid, |call| {
            call.bridged_seconds = Some(seconds);
        });
        match talked {
            Ok(()) => Stop::End(Ending::completed(EndedBy::Callee)),
            Err(Stop::Redirect(source)) => {
                self.tell_other_leg(LegEvent::Left);
                self.leg = None;
                Stop::Redirect(source)
            }
            Err(stop) => stop,
        }
    }
}

/// Returns the document for a leg before the connection, if it may have one.
///
/// # Errors
///
/// 12200 for a verb that Twilio doesn't allow there.
pub(super) fn whispered(document: Document) -> Result<Document, TwimlError> {
    let is_allowed = |verb: &Verb| {
        matches!(
            verb,
            Verb::Say(_) | Verb::Play(_) | Verb::Pause(_) | Verb::Gather(_) | Verb::Hangup
        )
    };
    match document.verbs.iter().find(|verb| !is_allowed(verb)) {
        None => Ok(document),
        Some(verb) => Err(error(
            12200,
            format!(
                "<{}> is not allowed in a document for the number of a Dial",
                verb.name()
            ),
        )),
    }
}
