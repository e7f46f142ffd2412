//! `outdial erase`: erases a person's data. The facts that remain of their calls are anonymous.

mod call;

use std::fmt;

use clap::Args;
use mongodb::Database;
use mongodb::bson::DateTime;
use outdial::dao::admin::{StoredDocument, batches, counters, erase as stored};
use outdial::dao::{DaoError, user_counter};
use outdial::domain::{BatchId, BatchStatus, Call, Email, PhoneNumber, User, UserId};
use outdial::twilio::TwilioClient;
use serde::Serialize;

use crate::error::Result;
use crate::output::{Format, message};
use crate::variables::Variables;
use crate::{http, progress, prompt, target};
use call::EraseError;

#[derive(Args)]
#[command(after_help = "\
The command first cancels the user's batches, the calls that wait to be dialled, and later attempts.
Then it erases:
- the recordings and the calls at Twilio, and our records of the recordings;
- of each call everything but status, times, durations, codes and country;
- of each batch everything but status, times, pace and retries;
- the day's counters, also those of the numbers called;
- the reason noted at a blocked number of theirs (the number stays blocked);
- the user, last.

It also erases stored documents that cannot be read, and lists them. It refuses while a call of
theirs may be in progress. If Twilio or the database fails, the record stays and the command exits
with 1: repeat it as often as you like.

Examples:
  outdial erase 65f0a1b2c3d4e5f601234567 --dry-run
  outdial erase 65f0a1b2c3d4e5f601234567 --variables outbound-calls.json --yes
  outdial erase 65f0a1b2c3d4e5f601234567 --local")]
pub struct Arguments {
    /// Id of the user
    user_id: UserId,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    /// Show what there is and erase nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
}

const QUESTION: &str = "All of this will be erased, at Twilio too. This cannot be undone.";

/// The counts at the start, and the result.
#[derive(Serialize)]
struct Outcome {
    user_id: String,
    result: Erasure,
    /// The user's calls at the start.
    calls: u64,
    /// Their recordings at the start.
    recordings: u64,
    /// The calls that are still there.
    calls_left: u64,
    /// The user's batches at the start.
    batches: u64,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Erasure {
    /// There is neither a user, a call nor a batch with this id.
    NotFound,
    DryRun,
    Erased,
    /// Some calls are left, and so is the user.
    Incomplete,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.result {
            Erasure::NotFound => write!(f, "no user with id {}", self.user_id),
            Erasure::DryRun => f.write_str("nothing was erased"),
            Erasure::Erased => f.write_str("erased"),
            Erasure::Incomplete => f.write_str("not everything was erased"),
        }
    }
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let settings = target::settings(&arguments.variables).await?;
    let person = Person {
        database: target::database(&settings).await?,
        twilio: http::twilio(&settings.twilio()?)?,
        id: arguments.user_id,
    };
    let user = stored::find_user(&person.database, person.id).await?;
    let mut outcome = Outcome {
        user_id: person.id.to_string(),
        result: Erasure::NotFound,
        calls: person.count_calls().await?,
        recordings: 0,
        calls_left: 0,
        batches: batches::count(&person.database, person.id).await?,
    };
    if user.is_none() && outcome.calls == 0 && outcome.batches == 0 {
        return format.print(&outcome);
    }
    outcome.recordings = person.count_recordings().await?;
    outcome.calls_left = outcome.calls;
    format.note(person.described(user.as_ref()));
    format.note(format_args!(
        "calls: {}, recordings: {}, batches: {}",
        outcome.calls, outcome.recordings, outcome.batches
    ));
    person.refuse_while_live().await?;
    if arguments.dry_run {
        outcome.result = Erasure::DryRun;
        return format.print(&outcome);
    }
    if !arguments.yes && !prompt::confirms(QUESTION)? {
        return Err("nothing was erased".into());
    }
    if batches::cancel(&person.database, person.id).await? {
        return Err(
            "a request is adding recipients to a batch of theirs; the batch is canceled: repeat the command in half a minute"
                .into(),
        );
    }
    stored::cancel_calls(&person.database, person.id).await?;
    // A dial may have begun meanwhile.
    person.refuse_while_live().await?;
    outcome.calls_left = person.erase(user.as_ref()).await?;
    outcome.result = match outcome.calls_left {
        0 => Erasure::Erased,
        _ => Erasure::Incomplete,
    };
    format.print(&outcome)?;
    match outcome.calls_left {
        0 => Ok(()),
        left => Err(format!(
            "calls that are not erased yet: {left}; the user stays until all are erased: repeat the command"
        )
        .into()),
    }
}

/// The person to erase.
struct Person {
    database: Database,
    twilio: TwilioClient,
    id: UserId,
}

impl Person {
    /// Names the user without showing the whole address or number.
    fn described(&self, user: Option<&StoredDocument>) -> String {
        let id = self.id;
        let Some(user) = user else {
            return format!("user {id}: already erased, but not all of their calls");
        };
        let email = shown(user.field::<Email>("email"));
        let number = shown(user.field::<PhoneNumber>("phone_number"));
        let line = format!("user {id}: {email}, {number}");
        match user.read::<User>() {
            Some(_) => line,
            None => format!("{line}\nthe user's stored document cannot be read; it is erased too"),
        }
    }

    async fn count_calls(&self) -> Result<u64, DaoError> {
        stored::count_calls(&self.database, self.id).await
    }

    async fn count_recordings(&self) -> Result<u64, DaoError> {
        let mut calls = stored::find_calls(&self.database, self.id).await?;
        let mut count = 0;
        while let Some(call) = calls.next().await? {
            if let Some(id) = call.id() {
                count += stored::count_recordings(&self.database, id).await?;
            }
        }
        Ok(count)
    }

    async fn refuse_while_live(&self) -> Result<()> {
        let now = DateTime::now();
        let mut calls = stored::find_calls(&self.database, self.id).await?;
        let mut live = Vec::new();
        while let Some(call) = calls.next().await? {
            if let Some(why) = call::may_be_live(&call, now) {
                live.push(format!("\n  {}: {why}", call::name(&call)));
            }
        }
        if live.is_empty() {
            return Ok(());
        }
        Err(format!(
            "calls that may be in progress; hang them up (POST /calls/{{call_id}}/hangup), or wait:{}{}",
            live.concat(),
            self.running_batches().await?
        )
        .into())
    }

    /// Names the batches that may go on to dial.
    async fn running_batches(&self) -> Result<String> {
        let mut found = batches::find(&self.database, self.id).await?;
        let mut running = Vec::new();
        while let Some(batch) = found.next().await? {
            if batch.field("status") == Some(BatchStatus::Running)
                && let Some(id) = batch.field::<BatchId>("_id")
            {
                running.push(format!("\n  {id}"));
            }
        }
        if running.is_empty() {
            return Ok(String::new());
        }
        Ok(format!(
            "\nbatches that dial; cancel them first (POST /batches/{{batch_id}}/cancel):{}",
            running.concat()
        ))
    }

    async fn erase_batches(&self) -> Result<()> {
        let mut found = batches::find(&self.database, self.id).await?;
        while let Some(batch) = found.next().await? {
            batches::erase(&self.database, &batch).await?;
        }
        Ok(())
    }

    /// Returns how many calls are left. The user stays until there are none, because the calls are found through them.
    async fn erase(&self, user: Option<&StoredDocument>) -> Result<u64> {
        if let Some(number) = user.and_then(|user| user.field::<String>("phone_number")) {
            call::forget_number(&self.database, &number).await?;
        }
        self.erase_calls().await?;
        let left = self.count_calls().await?;
        if left > 0 {
            return Ok(left);
        }
        self.erase_batches().await?;
        let ids: Vec<_> = counters::kept_days()
            .map(|day| user_counter(&self.id.to_string(), day))
            .collect();
        counters::delete(&self.database, &ids).await?;
        stored::delete_user(&self.database, self.id).await?;
        // A call may have been placed before the user was deleted.
        Ok(self.count_calls().await?)
    }

    async fn erase_calls(&self) -> Result<()> {
        let bar = progress::items(self.count_calls().await?)?.with_message("calls");
        let mut calls = stored::find_calls(&self.database, self.id).await?;
        while let Some(call) = calls.next().await? {
            let name = call::name(&call);
            match call::erase(&self.database, &self.twilio, &call).await {
                Ok(()) if call.read::<Call>().is_some() => {}
                Ok(()) => bar.suspend(|| {
                    message(format_args!(
                        "call {name}: its stored document could not be read; it is erased"
                    ));
                }),
                Err(EraseError::Kept(why)) => {
                    bar.suspend(|| message(format_args!("call {name} is kept: {why}")));
                }
                Err(EraseError::Database(error)) => return Err(error.into()),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "unreadable".to_owned(), |value| value.to_string())
}
