use std::sync::mpsc;

use mongodb::event::{EventHandler, command::CommandEvent};
use outdial::{config::Settings, dao::Dao, domain::CallId};
use tokio::sync::mpsc::unbounded_channel;

use super::support::server;

fn settings() -> Settings {
    Settings::from_pairs([("MONGO_URI", &*server()), ("MONGO_DB", "test_greeting")]).unwrap()
}

#[tokio::test]
async fn both_connections_are_made_ahead_of_the_first_request() {
    let (hear, mut heard) = unbounded_channel();
    let observer = EventHandler::callback(move |event| {
        if let CommandEvent::Succeeded(command) = event {
            let _ = hear.send((command.command_name, command.connection.id));
        }
    });
    let _dao = Dao::begin(&settings().observed_by(observer)).unwrap();
    let (first, second) = (heard.recv().await.unwrap(), heard.recv().await.unwrap());
    assert_eq!((&*first.0, &*second.0), ("ping", "ping"));
    assert_ne!(first.1, second.1);
}

#[tokio::test]
async fn a_request_that_is_there_at_once_shares_the_connections_with_nobody() {
    let (hear, heard) = mpsc::channel();
    let observer = EventHandler::callback(move |event| {
        if let CommandEvent::Started(command) = event {
            let _ = hear.send(command.command_name);
        }
    });
    let dao = Dao::begin(&settings().observed_by(observer)).unwrap();
    assert!(dao.get_call(CallId::generate()).await.unwrap().is_none());
    // One more command, behind which a greeting would be heard.
    assert!(dao.get_call(CallId::generate()).await.unwrap().is_none());
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["find", "find"]);
}
