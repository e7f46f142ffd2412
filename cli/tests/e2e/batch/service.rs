//! The service: every function as its own process, as on Lambda.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use lambda::{EventSourceMapping, FUNCTIONS, Gateway, Host, Options, scheduled_event};
use testkit::{API_KEY, Queue, Stage, Twilio};
use tokio::sync::watch;
use twilio_sim::clock::Speed;

use crate::{Folder, outdial};

/// The queues of scheduled calls: the function that reads each, and its variable.
const QUEUES: [(&str, &str); 3] = [
    ("dial", "DIAL_QUEUE_URL"),
    ("dispatch", "WAKE_QUEUE_URL"),
    ("effects", "EFFECTS_QUEUE_URL"),
];
/// The interval of the schedules. In AWS it is a minute.
const SCHEDULE: Duration = Duration::from_millis(500);

/// A running service, and a folder for files.
pub struct Service {
    pub stage: Stage,
    pub twilio: Twilio,
    pub user: String,
    pub folder: Folder,
    pub url: String,
    _stop: watch::Sender<bool>,
}

impl Service {
    /// Starts the service with one user.
    pub async fn start() -> Self {
        let gateway = Gateway::bind(0).await.expect("a port is free");
        let url = gateway.url().to_owned();
        let twilio = Twilio::start_at(Speed::parse("100").expect("a speed")).await;
        let endpoint =
            std::env::var("OUTDIAL_TEST_SQS_ENDPOINT").expect("`cargo xtask test` sets it");
        let mut stage = Stage::new()
            .await
            .playing(&twilio)
            .set("BASE_URL", &url)
            .set("DIALS_PER_SECOND", "50")
            .set("MAX_CALLS_PER_USER_PER_DAY", "1000")
            .set("AWS_ENDPOINT_URL", &endpoint)
            .set("AWS_REGION", "us-east-1")
            .set("AWS_ACCESS_KEY_ID", "tests")
            .set("AWS_SECRET_ACCESS_KEY", "tests");
        let mut queues = Vec::new();
        for (function, variable) in QUEUES {
            let queue = Queue::hiding(30).await;
            stage = stage.set(variable, queue.url());
            queues.push((function, queue));
        }
        let host = gateway.serve(options(&stage));
        let (stop, stopped) = watch::channel(false);
        for (function, queue) in queues {
            let mapping = mapping(function, &queue);
            tokio::spawn(mapping.run(host.clone(), stopped.clone(), |_, _| {}));
        }
        for function in ["dispatch", "effects"] {
            tokio::spawn(repeat(host.clone(), function));
        }
        Self {
            user: stage.user().await,
            stage,
            twilio,
            folder: Folder::new(),
            url,
            _stop: stop,
        }
    }

    /// `outdial batch …` for this service.
    pub fn batch(&self, arguments: &[&str]) -> Command {
        let mut command = outdial(&[&["batch"], arguments].concat());
        command
            .env("OUTDIAL_API_URL", &self.url)
            .env("OUTDIAL_API_KEY", API_KEY);
        command
    }

    /// `outdial batch run` with a file of this content.
    pub fn run(&self, csv: &str, arguments: &[&str]) -> Command {
        let (people, script) = (
            self.folder.file("people.csv"),
            self.folder.file("script.txt"),
        );
        std::fs::write(&people, csv).expect("it can be written");
        std::fs::write(&script, "Hello {{ name }}! Your order is ready.\n")
            .expect("it can be written");
        let run = [
            "run",
            &people,
            "--user",
            &self.user,
            "--script-file",
            &script,
        ];
        self.batch(&[&run, arguments].concat())
    }
}

/// A file with this many recipients.
pub fn many(count: usize) -> String {
    let rows = (0..count).map(|at| format!("+1212556{at:04},Ada\n"));
    format!("to_number,name\n{}", rows.collect::<Vec<_>>().concat())
}

/// Starts the binaries that `cargo xtask test` has built next to `outdial`.
fn options(stage: &Stage) -> Options {
    let program = Path::new(env!("CARGO_BIN_EXE_outdial"));
    let folder = program.parent().expect("a folder").to_owned();
    let own: Vec<_> = stage
        .variables()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Options {
        start_process: Box::new(move |name, variables| {
            let mut command = tokio::process::Command::new(folder.join(name));
            command.envs(own.iter().cloned()).envs(variables);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let started = command.kill_on_drop(true).spawn();
            started.map_err(|error| format!("{name}: {error}; `cargo xtask test` builds it"))
        }),
        environments: 4,
        kills: None,
    }
}

fn mapping(function: &'static str, queue: &Queue) -> EventSourceMapping {
    let mut functions = FUNCTIONS.iter();
    let found = functions.find(|found| found.name == function);
    let sources = &found.expect("the template has it").event_sources;
    EventSourceMapping {
        function,
        source: sources.first().expect("it reads a queue").clone(),
        url: queue.url().to_owned(),
        client: queue.client(),
        redeliveries: None,
    }
}

async fn repeat(host: Host, function: &'static str) {
    loop {
        // A run that fails is followed by the next one.
        let _ = host.invoke(function, &scheduled_event(function)).await;
        tokio::time::sleep(SCHEDULE).await;
    }
}
