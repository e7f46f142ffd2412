//! The number of commands and round trips of a look.

use std::time::Duration;

use bson::doc;
use dispatch::{App, Trigger, WIND_DOWN};
use outdial::domain::Priority;
use testkit::SentCommands;

use crate::support::{LONG, Scene, tomorrow};

/// Returns the steps and the commands of a run on a connected function.
async fn run(scene: &Scene, time: Duration) -> (usize, Vec<String>) {
    let sent = SentCommands::default();
    let settings = scene.stage.settings().observed_by(sent.observer());
    let app = App::from_settings(&settings).unwrap();
    scene.dao.ping().await.unwrap();
    let mut last = (0, Vec::new());
    // The first run connects.
    for _ in 0..2 {
        let run = dispatch::dispatch(&app, Trigger::Schedule, time);
        let (report, steps, commands) = sent.during(run).await;
        assert_eq!((report.unwrap().ticks, commands.is_empty()), (1, false));
        last = (steps, commands);
    }
    last
}

#[tokio::test]
async fn idle_run_takes_three_round_trips() {
    let scene = Scene::new().await;
    let later = scene.due(3, Priority::Normal).await;
    for call in &later {
        let times = doc! { "due_at": tomorrow(), "expires_at": tomorrow() };
        scene.set(call, times).await;
    }
    let (steps, commands) = run(&scene, LONG).await;
    assert_eq!(commands, ["aggregate", "findAndModify", "update"]);
    assert_eq!(steps, 3);
}

#[tokio::test]
async fn look_takes_as_many_commands_for_sixty_batches_as_for_one() {
    for batches in [1, 60] {
        let scene = Scene::new().await;
        for _ in 0..batches {
            scene.batch(20, None).await;
        }
        let (steps, commands) = run(&scene, WIND_DOWN).await;
        // The lease, the batches, their calls, the note of what waits, and the end of the lease.
        assert_eq!(steps, 5, "{batches} batches: {commands:?}");
        let expected = [
            "aggregate",
            "aggregate",
            "findAndModify",
            "update",
            "update",
        ];
        assert_eq!(commands, expected, "{batches} batches");
    }
}
