//! Fetching the audio of a call, before it plays.

use std::sync::Arc;

use serde_json::json;

use super::document::LoadedDocument;
use super::notify::{Severity, notify};
use super::player::{Player, Stop};
use crate::twiml::{Play, Prompt, TwimlError};
use crate::webhook::resolve;

/// The result of fetching audio.
pub(super) enum Audio {
    /// It can be played.
    Fetched,
    /// It can't be played, and the call continues without it.
    Skipped,
    /// It can't be played, and the document fails.
    Failed(TwimlError),
}

impl Player {
    /// Fetches the audio of a Play in this document. The call waits meanwhile.
    pub(super) async fn fetch(
        &mut self,
        play: &Play,
        loaded: &LoadedDocument,
    ) -> Result<Audio, Stop> {
        if play.digits.is_some() || play.fetched {
            return Ok(Audio::Fetched);
        }
        let url = resolve(&loaded.url, &play.url).unwrap_or_else(|| play.url.clone());
        let sim = Arc::clone(&self.sim);
        let fetched = self
            .wait_for(async move { sim.webhooks.fetch_audio(&url).await })
            .await?;
        let failed = match fetched {
            Ok((url, status)) => {
                self.log("audio", json!({ "url": url, "status": status.as_u16() }));
                return Ok(Audio::Fetched);
            }
            Err(failed) => failed,
        };
        if self.sim.config.skip_failed_audio {
            let warning = (failed.code, failed.message.as_str());
            notify(&self.sim, &self.sid, Severity::Warning, warning, None);
            return Ok(Audio::Skipped);
        }
        Ok(Audio::Failed(TwimlError {
            code: failed.code,
            message: failed.message,
        }))
    }

    /// Fetches all audio of a Gather before its first prompt. Returns the prompts that can be played.
    ///
    /// # Errors
    ///
    /// The first failure, inside.
    pub(super) async fn fetch_all(
        &mut self,
        prompts: &[Prompt],
        loaded: &LoadedDocument,
    ) -> Result<Result<Vec<Prompt>, TwimlError>, Stop> {
        let mut playable = Vec::new();
        for prompt in prompts {
            if let Prompt::Play(play) = prompt {
                match self.fetch(play, loaded).await? {
                    Audio::Fetched => {}
                    Audio::Skipped => continue,
                    Audio::Failed(failed) => return Ok(Err(failed)),
                }
            }
            playable.push(prompt.clone());
        }
        Ok(Ok(playable))
    }
}
