//! The baseline: the database's driver and an HTTP client without the functions' layers, on a thread of their own.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use mongodb::options::{
    ClientOptions, ReadPreference, SelectionCriteria, ServerMonitoringMode, WriteConcern,
};
use mongodb::{Client, Database};
use rustix::time::{ClockId, clock_gettime};
use stack::{Result, simulator};
use testkit::{ACCOUNT_SID, AUTH_TOKEN, BASE_URL, Stage};
use tokio::sync::{mpsc, oneshot};

use crate::command_monitor::{Effect, Steps};

/// The size of the connection pool: the same as a function's.
const CONNECTIONS: u32 = 2;

/// A thread that does one job at a time.
pub struct DriverBaseline {
    jobs: mpsc::UnboundedSender<(Job, oneshot::Sender<Result<Timing>>)>,
}

enum Job {
    Commands(Vec<Steps>),
    Dial,
}

/// The duration and the processor time of a job.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub time: Duration,
    pub cpu: Duration,
}

impl AddAssign for Timing {
    fn add_assign(&mut self, other: Self) {
        self.time += other.time;
        self.cpu += other.cpu;
    }
}

/// The clients that do the jobs.
struct Clients {
    database: Database,
    http: reqwest::Client,
    dial_url: String,
}

impl DriverBaseline {
    /// Starts a thread with connections to the stage's database and Twilio.
    pub async fn start(stage: &Stage) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let name = stage.database().name().to_owned();
        let uri = stage.variable("MONGO_URI").unwrap_or_default().to_owned();
        let twilio = stage.variable("TWILIO_API_BASE_URL").unwrap_or_default();
        let dial_url = format!("{twilio}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json");
        let (started, is_started) = oneshot::channel();
        let (jobs, mut queue) = mpsc::unbounded_channel::<(Job, oneshot::Sender<_>)>();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let clients = match Clients::connect(&uri, &name, dial_url).await {
                    Ok(clients) => clients,
                    // Sending fails if the caller no longer waits.
                    Err(error) => return drop(started.send(Err(error))),
                };
                let _ = started.send(Ok(()));
                while let Some((job, done)) = queue.recv().await {
                    let _ = done.send(clients.timed(job).await);
                }
            });
        });
        is_started.await??;
        Ok(Self { jobs })
    }

    /// Repeats the commands of a function's requests, in the same steps. The database must be in the state that the
    /// function's database was in.
    ///
    /// # Errors
    ///
    /// If a command has another effect than the function's command had.
    pub async fn run_commands(&self, requests: Vec<Steps>) -> Result<Timing> {
        self.time(Job::Commands(requests)).await
    }

    /// Sends Twilio a request to dial, on a new connection.
    pub async fn dial(&self) -> Result<Timing> {
        self.time(Job::Dial).await
    }

    async fn time(&self, job: Job) -> Result<Timing> {
        let (done, timing) = oneshot::channel();
        let sent = self.jobs.send((job, done));
        sent.map_err(|_| "the baseline's thread has ended")?;
        timing.await?
    }
}

/// Returns the processor time of this thread so far.
fn thread_cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

impl Clients {
    async fn connect(uri: &str, name: &str, dial_url: String) -> Result<Self> {
        let mut options = ClientOptions::parse(uri).await?;
        options.write_concern = Some(WriteConcern::majority());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.max_pool_size = Some(CONNECTIONS);
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        let http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self {
            database: Client::with_options(options)?.database(name),
            http,
            dial_url,
        })
    }

    async fn timed(&self, job: Job) -> Result<Timing> {
        let cpu = thread_cpu();
        let begun = Instant::now();
        match job {
            Job::Commands(requests) => self.run_commands(requests).await?,
            Job::Dial => self.dial().await?,
        }
        Ok(Timing {
            time: begun.elapsed(),
            cpu: thread_cpu().saturating_sub(cpu),
        })
    }

    async fn run_commands(&self, requests: Vec<Steps>) -> Result<()> {
        for step in requests.into_iter().flatten() {
            let commands = step.into_iter().map(|recorded| async move {
                let name = recorded.command.keys().next().cloned();
                let name = name.unwrap_or_default();
                let reply = self.database.run_command(recorded.command).await?;
                let effect = Effect::of(&reply);
                if effect == recorded.effect {
                    return Ok(());
                }
                let expected = recorded.effect;
                let what = format!("{name} has the effect {effect:?} instead of {expected:?}");
                Err(Box::<dyn std::error::Error + Send + Sync>::from(what))
            });
            try_join_all(commands).await?;
        }
        Ok(())
    }

    async fn dial(&self) -> Result<()> {
        let webhook = |path: &str| format!("{BASE_URL}/twilio/{path}?call_id=none");
        let form = [
            ("To", "+12125550123".to_owned()),
            ("From", simulator::NUMBER.to_owned()),
            ("Url", webhook("voice")),
            ("StatusCallback", webhook("status")),
        ];
        let request = self.http.post(&self.dial_url);
        let request = request.basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
        let answer = request.form(&form).send().await?.error_for_status()?;
        answer.bytes().await?;
        Ok(())
    }
}
