//! A count of the commands that an operation sends to the database, and of its steps.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;

/// The commands that DAOs send to the database.
#[derive(Debug, Clone, Default)]
pub struct SentCommands(Arc<Mutex<Commands>>);

#[derive(Debug, Default)]
struct Commands {
    names: Vec<String>,
    steps: usize,
    /// The ids of the commands that began after the last step ended.
    begun: HashSet<i32>,
}

impl SentCommands {
    /// Returns an observer that records the commands.
    #[must_use]
    pub fn observer(&self) -> EventHandler<CommandEvent> {
        let record = self.clone();
        EventHandler::callback(move |event| record.hear(&event))
    }

    fn commands(&self) -> MutexGuard<'_, Commands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts steps, that is the longest sequence of commands of which each began after the previous one had ended. A step ends
    /// with the first command that began and ended after the previous step.
    fn hear(&self, event: &CommandEvent) {
        let mut commands = self.commands();
        let ended = match event {
            CommandEvent::Started(started) => {
                commands.names.push(started.command_name.clone());
                commands.begun.insert(started.request_id);
                return;
            }
            CommandEvent::Succeeded(succeeded) => succeeded.request_id,
            CommandEvent::Failed(failed) => failed.request_id,
            _ => return,
        };
        if commands.begun.contains(&ended) {
            commands.steps += 1;
            commands.begun.clear();
        }
    }

    /// Returns the result of the operation, its number of steps, and its commands in alphabetical order.
    pub async fn during<T>(&self, operation: impl Future<Output = T>) -> (T, usize, Vec<String>) {
        *self.commands() = Commands::default();
        let result = operation.await;
        let mut commands = std::mem::take(&mut *self.commands());
        commands.names.sort();
        (result, commands.steps, commands.names)
    }
}
