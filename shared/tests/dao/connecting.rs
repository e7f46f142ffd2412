//! Tests that a DAO can connect in the background.

use mongodb::event::{EventHandler, command::CommandEvent};
use outdial::{config::Settings, dao::Dao};
use tokio::sync::mpsc::unbounded_channel;

use super::support::server;

#[tokio::test]
async fn both_connections_are_made_in_the_background() {
    let (sender, mut commands) = unbounded_channel();
    let observer = EventHandler::callback(move |event| {
        if let CommandEvent::Succeeded(command) = event {
            let _ = sender.send((command.command_name, command.connection.id));
        }
    });
    let variables = [
        ("ENVIRONMENT", "development"),
        ("MONGO_URI", &*server()),
        ("MONGO_DB", "test_connecting"),
    ];
    let settings = Settings::from_pairs(variables)
        .unwrap()
        .observed_by(observer);
    let _dao = Dao::connect_in_background(&settings, Settings::mongo).unwrap();
    let (first, second) = (
        commands.recv().await.unwrap(),
        commands.recv().await.unwrap(),
    );
    assert_eq!((&*first.0, &*second.0), ("ping", "ping"));
    assert_ne!(first.1, second.1);
}
