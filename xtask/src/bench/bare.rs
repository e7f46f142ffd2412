//! The database's driver, and an HTTP client, without any of our layers: on a thread of their own, as a function has them.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use mongodb::options::{
    ClientOptions, ReadPreference, SelectionCriteria, ServerMonitoringMode, WriteConcern,
};
use mongodb::{Client, Database};
use rustix::time::{ClockId, clock_gettime};
use testkit::{ACCOUNT_SID, AUTH_TOKEN, BASE_URL, FROM_NUMBER, Stage};
use tokio::sync::{mpsc, oneshot};

use super::tap::{Asked, Effect};
use crate::Result;

/// How many connections, as many as a function has.
const CONNECTIONS: u32 = 2;

/// A thread that does one piece of work at a time.
pub struct Bare {
    work: mpsc::UnboundedSender<(Work, oneshot::Sender<Result<Took>>)>,
}

enum Work {
    Ask(Vec<Asked>),
    Dial,
}

/// How long something took, and of that a processor's time.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    pub time: Duration,
    pub cpu: Duration,
}

impl AddAssign for Took {
    fn add_assign(&mut self, other: Self) {
        self.time += other.time;
        self.cpu += other.cpu;
    }
}

/// What work is done with.
struct Clients {
    database: Database,
    http: reqwest::Client,
    dial_url: String,
}

impl Bare {
    /// On the stage's database, and its Twilio.
    pub async fn on(stage: &Stage) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let name = stage.database().name().to_owned();
        let uri = stage.variable("MONGO_URI").unwrap_or_default().to_owned();
        let twilio = stage.variable("TWILIO_API_BASE_URL").unwrap_or_default();
        let dial_url = format!("{twilio}/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json");
        let (begun, is_begun) = oneshot::channel();
        let (work, mut to_do) = mpsc::unbounded_channel::<(Work, oneshot::Sender<_>)>();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let clients = match Clients::connect(&uri, &name, dial_url).await {
                    Ok(clients) => clients,
                    // Whoever waits may be gone.
                    Err(error) => return drop(begun.send(Err(error))),
                };
                let _ = begun.send(Ok(()));
                while let Some((work, done)) = to_do.recv().await {
                    let _ = done.send(clients.timed(work).await);
                }
            });
        });
        is_begun.await??;
        Ok(Self { work })
    }

    /// Does what a function has asked of a database that was in the same state, request by request: the very commands, in
    /// the same steps. They must have the same effects.
    pub async fn ask(&self, requests: Vec<Asked>) -> Result<Took> {
        self.time(Work::Ask(requests)).await
    }

    /// Asks Twilio to dial, over a fresh connection.
    pub async fn dial(&self) -> Result<Took> {
        self.time(Work::Dial).await
    }

    async fn time(&self, work: Work) -> Result<Took> {
        let (done, took) = oneshot::channel();
        let sent = self.work.send((work, done));
        sent.map_err(|_| "the bare driver's thread has ended")?;
        took.await?
    }
}

/// What this thread has had of a processor.
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

    async fn timed(&self, work: Work) -> Result<Took> {
        let cpu = thread_cpu();
        let begun = Instant::now();
        match work {
            Work::Ask(requests) => self.ask(requests).await?,
            Work::Dial => self.dial().await?,
        }
        Ok(Took {
            time: begun.elapsed(),
            cpu: thread_cpu().saturating_sub(cpu),
        })
    }

    async fn ask(&self, requests: Vec<Asked>) -> Result<()> {
        for step in requests.into_iter().flatten() {
            let commands = step.into_iter().map(|asked| async move {
                let name = asked.command.keys().next().cloned().unwrap_or_default();
                let reply = self.database.run_command(asked.command).await?;
                let effect = Effect::of(&reply);
                if effect == asked.effect {
                    return Ok(());
                }
                let expected = asked.effect;
                let what = format!("{name} has done {effect:?}, and for a function {expected:?}");
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
            ("From", FROM_NUMBER.to_owned()),
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
