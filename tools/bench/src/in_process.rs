//! Runs the functions in this process, and records their commands to the database.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use mongodb::bson::Document;
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use outdial::config::Settings;
use routers::Routers;
use testkit::{Answer, Request};

use stack::Result;

use crate::query_plan;

/// The functions that answer HTTP requests, with a record of their commands.
pub struct InProcessFunctions {
    routers: Routers,
    commands: Arc<Mutex<Commands>>,
}

/// A completed command.
pub struct Command {
    /// The command as sent.
    pub sent: Document,
    /// When it was sent.
    pub started: SystemTime,
    /// When its reply had arrived.
    pub finished: SystemTime,
}

impl Command {
    /// Returns a text such as `find calls`.
    pub fn name(&self) -> String {
        query_plan::name(&self.sent)
    }
}

#[derive(Default)]
struct Commands {
    pending: HashMap<i32, (Document, SystemTime)>,
    completed: Vec<Command>,
}

impl Commands {
    fn record(&mut self, event: CommandEvent) {
        let now = SystemTime::now();
        let request = match event {
            CommandEvent::Started(started) => {
                let sent = (started.command, now);
                self.pending.insert(started.request_id, sent);
                return;
            }
            CommandEvent::Succeeded(succeeded) => succeeded.request_id,
            CommandEvent::Failed(failed) => failed.request_id,
            _ => return,
        };
        if let Some((sent, started)) = self.pending.remove(&request) {
            self.completed.push(Command {
                sent,
                started,
                finished: now,
            });
        }
    }
}

impl InProcessFunctions {
    /// Creates the functions with these environment variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let commands = Arc::<Mutex<Commands>>::default();
        let recorded = Arc::clone(&commands);
        let observer = EventHandler::callback(move |event| lock(&recorded).record(event));
        let values = variables.into_iter();
        let values = values.map(|(name, value)| (name, value.into())).collect();
        let settings = &Settings::from_values(values)?.observed_by(observer);
        Ok(Self {
            routers: Routers::new(settings)?,
            commands,
        })
    }

    /// Sends a request to a function.
    ///
    /// # Errors
    ///
    /// If the response has another status.
    pub async fn send(&self, function: &str, status: u16, request: &Request) -> Result<Answer> {
        let router = self.routers.router(function);
        let answer = request.send(router).await;
        if answer.status.as_u16() != status {
            let (path, status, body) = (request.path(), answer.status, answer.text());
            return Err(format!("{function}, {path}: {status} {body}").into());
        }
        Ok(answer)
    }

    /// Returns the commands that were completed since the last call.
    pub fn take_commands(&self) -> Vec<Command> {
        mem::take(&mut lock(&self.commands).completed)
    }
}

fn lock(commands: &Mutex<Commands>) -> std::sync::MutexGuard<'_, Commands> {
    commands.lock().unwrap_or_else(PoisonError::into_inner)
}
