//! Answering machine detection, before the instructions or in the background.

use std::time::Duration;

use serde_json::json;

use super::form;
use super::outbox::{log_fault, new_token};
use super::player::{Player, Stop};
use crate::answerer::Verdict;
use crate::faults::{CallbackAction, CallbackContext, CallbackKind};
use crate::model::{Callback, MachineDetection};

/// A detection in the background.
#[derive(Debug)]
pub(super) struct Detection {
    settings: MachineDetection,
    verdict: Verdict,
    /// The age of the call at which its result is known.
    at: Duration,
}

impl Player {
    /// Detects who answered. In the background, it returns at once and a callback reports the result.
    pub(super) async fn detect_machine(&mut self, settings: MachineDetection) -> Result<(), Stop> {
        let verdict = self.verdict(&settings);
        if settings.in_background {
            if settings.callback.is_none() {
                self.log(
                    "warning",
                    json!({ "code": 21262, "message": "AsyncAmd without AsyncAmdStatusCallback" }),
                );
            }
            let at = self.clock.passed() + verdict.after;
            self.detection = Some(Detection {
                settings,
                verdict,
                at,
            });
            return Ok(());
        }
        self.wait(verdict.after).await?;
        self.note_verdict(verdict, false);
        Ok(())
    }

    /// The call time until a detection in the background has its result.
    pub(super) fn until_verdict(&self) -> Duration {
        self.detection.as_ref().map_or(Duration::MAX, |detection| {
            detection.at.saturating_sub(self.clock.passed())
        })
    }

    /// Reports the result of a detection in the background if its time has come.
    pub(super) fn report_verdict_if_due(&mut self) {
        let is_due = self.until_verdict().is_zero();
        let Some(detection) = self.detection.take_if(|_| is_due) else {
            return;
        };
        let verdict = detection.verdict;
        self.note_verdict(verdict, true);
        let Some(target) = detection.settings.callback else {
            return;
        };
        let form = form::pairs([
            ("AccountSid", self.sim.config.account_sid.as_str()),
            ("CallSid", &self.sid),
            ("AnsweredBy", verdict.answered_by),
            (
                "MachineDetectionDuration",
                &verdict.after.as_millis().to_string(),
            ),
        ]);
        self.amd_callbacks.send_modify(|count| *count += 1);
        self.enqueue(Callback {
            kind: CallbackKind::Amd,
            event: verdict.answered_by.to_owned(),
            target,
            form,
            token: new_token(),
        });
    }

    /// The result of detection, which a called party or the fault plan makes wrong.
    fn verdict(&self, settings: &MachineDetection) -> Verdict {
        let callee = &self.callee;
        let timeout = settings.message_end.then_some(settings.timeout);
        let detect = |as_whom: crate::answerer::Answerer| {
            let verdict = as_whom.verdict(callee.greeting, timeout);
            Verdict {
                after: callee.detected_after.unwrap_or(verdict.after),
                ..verdict
            }
        };
        let verdict = detect(callee.detected_as.unwrap_or(callee.answerer));
        let context = CallbackContext {
            kind: CallbackKind::Amd,
            event: verdict.answered_by,
            to: &self.request.to,
            call: self.ordinal,
            ordinal: 0,
        };
        let Some((action @ CallbackAction::Wrong, delay)) = self.sim.faults.on_callback(context)
        else {
            return verdict;
        };
        let (sim, kind) = (&self.sim, CallbackKind::Amd);
        log_fault(sim, &self.sid, verdict.answered_by, kind, action, delay);
        detect(callee.answerer.mistaken())
    }

    fn note_verdict(&self, verdict: Verdict, in_background: bool) {
        let answered_by = verdict.answered_by;
        self.sim.store.update_call(&self.sid, |call| {
            call.answered_by = Some(answered_by.into());
        });
        let mut detail = json!({ "answered_by": answered_by });
        if in_background {
            detail["in_background"] = true.into();
        }
        self.log_timed("amd", detail);
    }
}
