//! Answering machine detection, before the instructions or in the background.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::form;
use super::outbox::{self, new_token};
use super::player::{Player, Stop};
use crate::faults::CallbackKind;
use crate::model::{Callback, MachineDetection};

impl Player {
    /// Detects who answered. In the background, it returns at once and a callback reports the result.
    pub(super) async fn detect_machine(&mut self, detection: MachineDetection) -> Result<(), Stop> {
        let answered_by = self.callee.answered_by;
        let result = answered_by.value(detection.message_end);
        let time = answered_by.detection_time(detection.message_end);
        if detection.in_background {
            self.detect_in_background(detection, result, time);
            return Ok(());
        }
        self.wait(time).await?;
        self.sim
            .store
            .update_call(&self.sid, |call| call.answered_by = Some(result.into()));
        self.log("amd", json!({ "answered_by": result }));
        Ok(())
    }

    fn detect_in_background(
        &self,
        detection: MachineDetection,
        result: &'static str,
        time: Duration,
    ) {
        let (sim, sid, outbox) = (Arc::clone(&self.sim), self.sid.clone(), self.outbox.clone());
        tokio::spawn(async move {
            tokio::time::sleep(sim.config.speed.wall(time)).await;
            let live = sim.store.update_call(&sid, |call| {
                let live = !call.status.has_ended();
                call.answered_by = live.then_some(result.into());
                live
            });
            if live != Some(true) {
                return;
            }
            sim.log.write(
                "amd",
                Some(&sid),
                json!({ "answered_by": result, "in_background": true }),
            );
            let form = form::pairs([
                ("AccountSid", sim.config.account_sid.as_str()),
                ("CallSid", &sid),
                ("AnsweredBy", result),
                ("MachineDetectionDuration", &time.as_millis().to_string()),
            ]);
            if let Some(target) = detection.callback {
                let callback = Callback {
                    kind: CallbackKind::Amd,
                    event: result.to_owned(),
                    target,
                    form,
                    token: new_token(),
                };
                outbox::queue(&sim, &sid, &outbox, callback);
            }
        });
    }
}
