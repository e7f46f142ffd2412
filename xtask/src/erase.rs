//! `cargo xtask erase`: a person goes, and what is left of their calls names nobody.

mod call;
mod stored;

use std::io::{self, IsTerminal, Write};

use clap::Args;
use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc};
use mongodb::{Collection, Database};
use outdial::dao::{DaoError, user_counter};
use outdial::domain::{Call, Email, PhoneNumber, User, UserId};
use outdial::twilio::TwilioClient;

use crate::Result;
use crate::progress;
use crate::target;
use crate::variables::Variables;
use call::Left;
use stored::Stored;

#[derive(Args)]
#[command(after_help = "\
What goes: the recordings and the calls at Twilio; the recordings' records; of each call everything but its status, times, durations,
codes and country; the day's counters, also of the numbers called; the reason noted where a number of theirs is blocked; and the user,
last. A blocked number stays blocked. A stored document that cannot be read is erased too, and named. It is refused while a call of
theirs may still be going on. What fails keeps its record, and the command ends with 1: run it again, at any time and as often as you
like.

Examples:
  cargo xtask erase 65f0a1b2c3d4e5f601234567 --dry-run
  cargo xtask erase 65f0a1b2c3d4e5f601234567 --variables outbound-calls.json --yes
  cargo xtask erase 65f0a1b2c3d4e5f601234567 --local")]
pub struct Arguments {
    /// The user's id
    user_id: UserId,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Show what there is, and erase nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let settings = target::settings(&arguments.variables).await?;
    let person = Person {
        database: target::dao(&settings).await?.database().await?,
        twilio: TwilioClient::new(&settings.twilio()?)?,
        id: arguments.user_id,
    };
    let user = person.user().await?;
    let calls = person.count_calls().await?;
    if user.is_none() && calls == 0 {
        println!("no user with id {}", person.id);
        return Ok(());
    }
    match &user {
        Some(user) => {
            let email = user.field::<Email>("email");
            let number = user.field::<PhoneNumber>("phone_number");
            println!("user {}: {}, {}", person.id, told(email), told(number));
            if !user.is_readable_as::<User>() {
                println!(
                    "the user's stored document is not as expected; it is erased all the same"
                );
            }
        }
        None => println!(
            "user {}: gone already, but not all of their calls",
            person.id
        ),
    }
    println!(
        "calls: {calls}, recordings: {}",
        person.count_recordings().await?
    );
    person.refuse_while_live().await?;
    if arguments.dry_run {
        return Ok(());
    }
    if !arguments.yes && !confirmed()? {
        return Err("nothing was erased".into());
    }
    let left = person.erase(user.as_ref()).await?;
    if left > 0 {
        return Err(format!(
            "calls that are not erased yet: {left}, and so the user stays; run this again"
        )
        .into());
    }
    println!("erased");
    Ok(())
}

fn told(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "unreadable".to_owned(), |value| value.to_string())
}

fn confirmed() -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err("standard input is not a terminal: confirm with --yes".into());
    }
    print!("All of it is erased, at Twilio too, and cannot be brought back. Type yes to go on: ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

struct Person {
    database: Database,
    twilio: TwilioClient,
    id: UserId,
}

impl Person {
    async fn user(&self) -> Result<Option<Stored>, DaoError> {
        let users = self.database.collection::<RawDocumentBuf>("users");
        let user = users.find_one(doc! { "_id": self.id.object_id() }).await?;
        Ok(user.map(Stored))
    }

    fn calls(&self) -> Collection<RawDocumentBuf> {
        self.database.collection("calls")
    }

    /// A call that is erased belongs to nobody any more.
    fn of_them(&self) -> Document {
        doc! { "user_id": self.id.to_string() }
    }

    async fn count_calls(&self) -> Result<u64, DaoError> {
        Ok(self.calls().count_documents(self.of_them()).await?)
    }

    async fn count_recordings(&self) -> Result<u64> {
        let mut count = 0;
        let mut calls = self
            .calls()
            .find(self.of_them())
            .await
            .map_err(DaoError::from)?;
        let recordings = self.database.collection::<Document>("recordings");
        while calls.advance().await.map_err(DaoError::from)? {
            let Ok(id) = calls.current().get_object_id("_id") else {
                continue;
            };
            let of_call = doc! { "call_id": id.to_hex() };
            count += recordings
                .count_documents(of_call)
                .await
                .map_err(DaoError::from)?;
        }
        Ok(count)
    }

    async fn refuse_while_live(&self) -> Result<()> {
        let now = DateTime::now();
        let mut calls = self
            .calls()
            .find(self.of_them())
            .await
            .map_err(DaoError::from)?;
        let mut live = Vec::new();
        while calls.advance().await.map_err(DaoError::from)? {
            let call = Stored(calls.current().to_owned());
            if let Some(why) = call::may_go_on(&call, now) {
                live.push(format!("\n  {}: {why}", call::name(&call)));
            }
        }
        if live.is_empty() {
            return Ok(());
        }
        Err(format!(
            "calls that may still be going on; hang them up (POST /calls/{{call_id}}/hangup), or wait:{}",
            live.concat()
        )
        .into())
    }

    /// Returns how many calls are left. The user stays until there are none, for the calls are found by them.
    async fn erase(&self, user: Option<&Stored>) -> Result<u64> {
        if let Some(number) = user.and_then(|user| user.field::<String>("phone_number")) {
            call::forget_number(&self.database, &number).await?;
        }
        self.erase_calls().await?;
        let left = self.count_calls().await?;
        if left > 0 {
            return Ok(left);
        }
        let counters = self.database.collection::<Document>("counters");
        let of_them: Vec<_> = kept_days()
            .map(|day| user_counter(&self.id.to_string(), day))
            .collect();
        let of_them = doc! { "_id": { "$in": of_them } };
        counters
            .delete_many(of_them)
            .await
            .map_err(DaoError::from)?;
        let users = self.database.collection::<Document>("users");
        let this = doc! { "_id": self.id.object_id() };
        users.delete_one(this).await.map_err(DaoError::from)?;
        // One that was placed before the user was gone.
        Ok(self.count_calls().await?)
    }

    async fn erase_calls(&self) -> Result<()> {
        let bar = progress::things(self.count_calls().await?)?.with_message("calls");
        // Not in an order: a call that is erased leaves the index by which they are found.
        let mut calls = self
            .calls()
            .find(self.of_them())
            .await
            .map_err(DaoError::from)?;
        while calls.advance().await.map_err(DaoError::from)? {
            let call = Stored(calls.current().to_owned());
            let name = call::name(&call);
            match call::erase(&self.database, &self.twilio, &call).await {
                Ok(()) if call.is_readable_as::<Call>() => {}
                Ok(()) => bar.suspend(|| {
                    eprintln!("call {name}: its stored document was not as expected; it is erased");
                }),
                Err(Left::Kept(why)) => {
                    bar.suspend(|| eprintln!("call {name} is kept: {why}"));
                }
                Err(Left::Away(error)) => return Err(error.into()),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// The days whose counters are kept: today and three before, and tomorrow, for clocks differ.
fn kept_days() -> impl Iterator<Item = DateTime> {
    let now = DateTime::now().timestamp_millis();
    (-4..=1).map(move |days| DateTime::from_millis(now + days * 86_400_000))
}
