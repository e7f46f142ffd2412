//! Messages of a queue reach the function's binary, also late and twice, and stay in the queue until it has handled them.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use lambda::{
    Deliveries, EventSource, EventSourceMapping, Gateway, Host, LambdaVariables, Options,
    Redeliveries,
};
use outdial::webhook::QueuedWebhook;
use serde_json::json;
use testkit::{Queue, Stage};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::folder::Folder;

/// `replay` behind a queue.
struct Scene {
    stage: Stage,
    queue: Queue,
    log: String,
    mapping: JoinHandle<Deliveries>,
    stop: watch::Sender<bool>,
    _folder: Folder,
}

impl Scene {
    async fn start(redeliveries: Option<Redeliveries>) -> Self {
        let folder = Folder::new();
        let log = folder.file("log.txt");
        let (stage, queue) = (Stage::new().await, Queue::hiding(1).await);
        let mapping = EventSourceMapping {
            function: "replay",
            source: EventSource {
                queue: "Test",
                batch_size: 1,
                concurrency: 2,
                reports_failures: true,
            },
            url: queue.url().to_owned(),
            client: queue.client(),
            redeliveries,
        };
        let host = host(&stage, File::create(&log).expect("a file")).await;
        let (stop, stopped) = watch::channel(false);
        Self {
            mapping: tokio::spawn(mapping.run(host, stopped, |_, _| ())),
            stage,
            queue,
            log,
            stop,
            _folder: folder,
        }
    }

    /// Sends a message that `replay` can apply.
    async fn send(&self) {
        let call = self.stage.call(|_| ()).await;
        let message = QueuedWebhook::undelivered(Some(call.call_id), None, "a-request".to_owned());
        self.queue.put(&json!(message).to_string()).await;
    }

    /// Waits until `replay` has logged a phrase so often.
    async fn wait_for(&self, phrase: &str, times: usize) {
        let logged = async {
            loop {
                let log = std::fs::read_to_string(&self.log).expect("a log");
                if log.matches(phrase).count() >= times {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let logged = tokio::time::timeout(Duration::from_mins(1), logged).await;
        logged.expect("it is logged in time");
    }

    async fn stop(self) -> (Deliveries, Queue) {
        self.stop.send_replace(true);
        (self.mapping.await.expect("it ends"), self.queue)
    }
}

async fn host(stage: &Stage, log: File) -> Host {
    let stage = stage.clone();
    let start = move |name: &str, variables: &LambdaVariables| {
        let output = || log.try_clone().map(Stdio::from);
        let binary = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name(name);
        let mut command = Command::new(binary);
        command.envs(stage.variables()).envs(variables);
        let command = command.kill_on_drop(true);
        let outputs = output().and_then(|stdout| Ok((stdout, output()?)));
        let (stdout, stderr) = outputs.map_err(|error| error.to_string())?;
        let child = command.stdout(stdout).stderr(stderr).spawn();
        child.map_err(|error| error.to_string())
    };
    let gateway = Gateway::bind(0).await.expect("a free port");
    gateway.serve(Options {
        start_process: Box::new(start),
        environments: 2,
        kills: None,
    })
}

#[tokio::test]
async fn late_and_repeated_messages_are_handled() {
    let plan = Redeliveries {
        seed: 1,
        late: 1.0,
        again: 1.0,
        twice: 0.0,
        latest: Duration::from_millis(100),
    };
    let scene = Scene::start(Some(plan)).await;
    for _ in 0..3 {
        scene.send().await;
    }
    scene.wait_for("queued webhook applied", 6).await;
    let (deliveries, queue) = scene.stop().await;
    // A slow machine may let a message become visible before it is deleted.
    assert!(deliveries.late >= 3, "{deliveries:?}");
    assert_eq!(deliveries.again, deliveries.late);
    assert_eq!(queue.receive_all().await, [json!(null); 0]);
}

#[tokio::test]
async fn failed_message_stays_in_the_queue() {
    let scene = Scene::start(None).await;
    scene.queue.put("\"unreadable\"").await;
    scene.send().await;
    scene.wait_for("queued webhook applied", 1).await;
    scene.wait_for("queued webhook not applied", 2).await;
    let (deliveries, queue) = scene.stop().await;
    assert!(deliveries.handled >= 1, "{deliveries:?}");
    let visible = async {
        loop {
            let messages = queue.receive_all().await;
            if !messages.is_empty() {
                break messages;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let visible = tokio::time::timeout(Duration::from_mins(1), visible).await;
    assert_eq!(visible.expect("in time"), [json!("unreadable")]);
}
