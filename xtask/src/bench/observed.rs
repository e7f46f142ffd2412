//! The functions in this process, and what they ask of the database.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::Router;
use mongodb::bson::Document;
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use outdial::config::Settings;
use testkit::{Answer, Request};

use crate::Result;

/// The routers of the functions that a person calls, by the functions' names.
pub struct Observed {
    routers: HashMap<&'static str, Router>,
    commands: Arc<Mutex<Commands>>,
}

/// A command that the database has answered.
pub struct Command {
    /// As it was sent.
    pub sent: Document,
    /// When it was.
    pub started: SystemTime,
    /// When the answer had come.
    pub finished: SystemTime,
}

impl Command {
    /// Such as `find calls`.
    pub fn name(&self) -> String {
        let first = self.sent.iter().next();
        first.map_or_else(String::new, |(name, collection)| {
            format!("{name} {}", collection.as_str().unwrap_or_default())
        })
    }
}

#[derive(Default)]
struct Commands {
    under_way: HashMap<i32, (Document, SystemTime)>,
    answered: Vec<Command>,
}

impl Commands {
    fn hear(&mut self, event: CommandEvent) {
        let now = SystemTime::now();
        let answered = match event {
            CommandEvent::Started(started) => {
                let sent = (started.command, now);
                self.under_way.insert(started.request_id, sent);
                return;
            }
            CommandEvent::Succeeded(succeeded) => succeeded.request_id,
            CommandEvent::Failed(failed) => failed.request_id,
            _ => return,
        };
        if let Some((sent, started)) = self.under_way.remove(&answered) {
            self.answered.push(Command {
                sent,
                started,
                finished: now,
            });
        }
    }
}

impl Observed {
    /// The functions, configured with these variables.
    pub fn begin(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let commands = Arc::<Mutex<Commands>>::default();
        let heard = Arc::clone(&commands);
        let observer = EventHandler::callback(move |event| lock(&heard).hear(event));
        let values = variables.into_iter();
        let values = values.map(|(name, value)| (name, value.into())).collect();
        let settings = &Settings::from_values(values)?.observed_by(observer);
        let outbound = outbound_calls::App::from_settings(settings)?;
        let routers = [
            (
                "health",
                health::router(health::App::from_settings(settings)?),
            ),
            ("users", users::router(users::App::from_settings(settings)?)),
            ("outbound-calls", outbound_calls::router(outbound)),
            ("voice", voice::router(voice::App::from_settings(settings)?)),
            (
                "status",
                status::router(status::App::from_settings(settings)?),
            ),
            (
                "recording",
                recording::router(recording::App::from_settings(settings)?),
            ),
            ("media", media::router(media::App::from_settings(settings)?)),
        ];
        Ok(Self {
            routers: routers.into(),
            commands,
        })
    }

    /// What the function answers, which must be of that status.
    pub async fn send(&self, function: &str, status: u16, request: &Request) -> Result<Answer> {
        let router = self.routers.get(function).ok_or("no such function")?;
        let answer = request.send(router).await;
        if answer.status.as_u16() != status {
            let (asked, told) = (request.path(), answer.text());
            return Err(format!("{function}, {asked}: {} {told}", answer.status).into());
        }
        Ok(answer)
    }

    /// The commands that were answered since the last time.
    pub fn commands(&self) -> Vec<Command> {
        mem::take(&mut lock(&self.commands).answered)
    }
}

fn lock(commands: &Mutex<Commands>) -> std::sync::MutexGuard<'_, Commands> {
    commands.lock().unwrap_or_else(PoisonError::into_inner)
}
