//! The result of machine detection in the background: one conditional update stores it, and takes the call over.

use mongodb::bson::{Bson, Document, bson, doc};
use uuid::Uuid;

use super::{
    Applied, Dao, DaoError, DuplicateKey,
    effects::note_late_news,
    stored::find_one_and_update,
    updates::{by_id, goes_by, if_else, learn_sid_stage, literal},
};
use crate::domain::{Call, CallId, CallSid, CallStatus, MachineVerdict, VoicemailAction};

/// The effect of a result of machine detection.
#[derive(Debug)]
pub struct VerdictOutcome {
    /// The effect on the call.
    pub applied: Applied,
    /// The call, if this result has taken it over: the caller must end it, or give it other instructions.
    pub claimed: Option<Box<Call>>,
    /// True if the call has effects that are still to be done.
    pub has_effects: bool,
}

impl VerdictOutcome {
    /// No effect.
    #[must_use]
    pub fn nothing(applied: Applied) -> Self {
        Self {
            applied,
            claimed: None,
            has_effects: false,
        }
    }
}

impl Dao {
    /// Stores the result of machine detection in a call that has none.
    ///
    /// If `claims` is true, a result that finds a machine takes the call over at the same time, at most once: only while the
    /// call goes on, nobody has pressed a key, no hang-up is requested, and the request wants something done about machines.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]. The result may be stored then, and may have taken the call over.
    pub async fn record_verdict(
        &self,
        id: CallId,
        verdict: &MachineVerdict,
        claims: bool,
    ) -> Result<VerdictOutcome, DaoError> {
        let claim = Uuid::new_v4().to_string();
        let may_claim = claims && verdict.is_machine();
        let stages = stages(verdict, may_claim.then_some(claim.as_str()));
        let recording = self.with_timeout(|| async {
            let calls = self.calls().await?;
            find_one_and_update::<Call>(&calls, by_id(id), stages.clone()).await
        });
        let call = match recording.await {
            Ok(Some(call)) => call,
            Ok(None) => return Ok(VerdictOutcome::nothing(Applied::UnknownCall)),
            Err(DaoError::Duplicate(DuplicateKey::CallSid)) => {
                return Ok(VerdictOutcome::nothing(Applied::OtherCall));
            }
            Err(error) => return Err(error),
        };
        if call.twilio_sid.as_ref() != Some(&verdict.call_sid) {
            return Ok(VerdictOutcome::nothing(Applied::OtherCall));
        }
        let is_claimed = call
            .voicemail_claim
            .as_ref()
            .is_some_and(|it| it.id == claim);
        Ok(VerdictOutcome {
            applied: Applied::Changed,
            has_effects: !call.effects.is_empty(),
            claimed: is_claimed.then(|| call.into()),
        })
    }
}

/// The stages that store the result, and with `claim` take the call over.
fn stages(verdict: &MachineVerdict, claim: Option<&str>) -> Vec<Document> {
    let sid: &CallSid = &verdict.call_sid;
    let answered_by = literal(verdict.answered_by.as_str());
    let stored = bson!({ "$ifNull": ["$answered_by", ""] });
    let is_ours = goes_by(sid);
    let is_news = bson!({ "$and": [is_ours.clone(), { "$eq": [stored.clone(), ""] }] });
    let mut changes = doc! {
        "answered_by": if_else(is_news.clone(), answered_by.clone(), "$answered_by"),
    };
    let mut is_change = vec![is_news.clone()];
    if let Some(claim) = claim {
        let acts = [VoicemailAction::LeaveMessage, VoicemailAction::HangUp];
        let may_claim = bson!({ "$and": [
            is_ours,
            // Another result came first, and may say otherwise.
            { "$in": [stored, ["", answered_by]] },
            { "$in": ["$voicemail.action", acts.map(VoicemailAction::as_str).to_vec()] },
            { "$eq": [{ "$ifNull": ["$voicemail_claim", Bson::Null] }, Bson::Null] },
            { "$eq": [{ "$size": { "$ifNull": ["$answers", []] } }, 0] },
            { "$eq": [{ "$size": { "$ifNull": ["$transfers", []] } }, 0] },
            { "$ne": ["$hangup_requested", true] },
            { "$ne": ["$opted_out", true] },
            { "$ne": ["$status_rank", CallStatus::ENDED_RANK] },
        ] });
        let new = doc! { "id": claim, "at": "$$NOW" };
        let claimed = if_else(may_claim.clone(), new, "$voicemail_claim");
        changes.insert("voicemail_claim", claimed);
        is_change.push(may_claim);
    }
    let updated_at = if_else(bson!({ "$or": is_change }), "$$NOW", "$updated_at");
    changes.insert("updated_at", updated_at);
    // The end of the call may have been taken for that of a person.
    changes.extend(note_late_news(is_news));
    vec![learn_sid_stage(sid), doc! { "$set": changes }]
}
