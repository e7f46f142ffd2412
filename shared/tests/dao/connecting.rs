use mongodb::event::{EventHandler, command::CommandEvent};
use outdial::{config::Settings, dao::Dao};
use tokio::sync::mpsc::unbounded_channel;

use super::support::server;

#[tokio::test]
async fn a_function_that_no_stranger_reaches_makes_both_connections_in_the_background() {
    let (hear, mut heard) = unbounded_channel();
    let observer = EventHandler::callback(move |event| {
        if let CommandEvent::Succeeded(command) = event {
            let _ = hear.send((command.command_name, command.connection.id));
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
    let (first, second) = (heard.recv().await.unwrap(), heard.recv().await.unwrap());
    assert_eq!((&*first.0, &*second.0), ("ping", "ping"));
    assert_ne!(first.1, second.1);
}
