//! `cargo xtask console`: tests the console in a browser, on a whole local service.

mod seed;
mod seed_batch;

use std::path::{Path, PathBuf};

use clap::Args;
use lambda::{Gateway, Host};
use ring::digest::{SHA256, digest};
use stack::build::whole_stack;
use stack::database::{Database, Storage};
use stack::environment::{Environment, hex};
use stack::functions::{self, Options};
use stack::output::Output;
use stack::prerequisites;
use stack::processes;
use stack::queues::{self, Queues};
use stack::steps::Steps;
use stack::venv::Venv;
use stack::workspace::Workspace;
use stack::{ServerUri, free_port, prepare_with_queues, run_events, simulator};
use tokio::task::JoinHandle;

use crate::Result;
use crate::browser::Browser;

/// The most environments of one function.
const ENVIRONMENTS: usize = 4;
/// Fast enough for short tests, and slow enough to hang up a call.
const SPEED: u32 = 5;
/// The databases of the two services.
const FEW_DATABASE: &str = "outdial_console";
const MANY_DATABASE: &str = "outdial_console_many";
/// Random seed of the month of calls.
const SEED: u64 = 1;
/// Random seed of the batch.
const BATCH_SEED: u64 = 2;
/// A pace at which no test waits for a permit.
const DIALS_PER_SECOND: &str = "50";
/// A key that can only read.
const READER: &str = "reader_of_the_console_tests";

#[derive(Args)]
#[command(after_help = "Examples:\n  cargo xtask console\n  cargo xtask console --pictures")]
pub struct Arguments {
    /// Redraw the pictures in docs/images instead of testing
    #[arg(long)]
    pictures: bool,
    /// Run only the tests whose names match this pattern
    filter: Option<String>,
}

/// Two services on one database server and one simulator. They run until this program ends. Only the service with few calls has
/// queues.
struct Stack {
    log: PathBuf,
    /// The variables of the tests.
    variables: Vec<(&'static str, String)>,
    _database: Database,
    _hosts: [Host; 2],
    _events: JoinHandle<()>,
}

impl Stack {
    async fn start(
        workspace: &Workspace,
        (venv, aws_venv): (&Venv, &Venv),
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join("functions.log");
        let output = Output::file(&log)?;
        let storage = folder.join(format!("database-{}", std::process::id()));
        let database = Database::start(venv, &output, Storage::Throwaway(storage)).await?;
        for name in [FEW_DATABASE, MANY_DATABASE] {
            // The caller's own server may have data of an earlier run.
            database.client().database(name).drop().await?;
            database.make_indexes(name).await?;
        }
        let many_database = database.client().database(MANY_DATABASE);
        seed::fill(&many_database, SEED).await?;
        let batch = seed_batch::fill(&many_database, BATCH_SEED).await?;

        // The tests put a proxy between one service and its database, to cut the connection.
        let between = free_port()?;
        let server = ServerUri::parse(&database.uri);
        let server = server.ok_or("MONGO_URI must start with mongodb:// and name one server")?;
        let taken = server.at(format_args!("127.0.0.1:{between}"));

        let few = Gateway::bind(0).await?;
        let many = Gateway::bind(0).await?;
        let [few_url, many_url] = [&few, &many].map(|gateway| gateway.url().to_owned());
        let mut of_few = Environment::new(&taken, FEW_DATABASE, &few_url);
        let mut of_many = Environment::new(&database.uri, MANY_DATABASE, &many_url);
        // As in a deployment, another origin than the API's.
        of_few.set(
            "MEDIA_URL",
            format!("{}/media", few_url.replace("127.0.0.1", "localhost")),
        );
        let account = of_few.invent_twilio_account();
        of_many.invent_twilio_account();
        of_many.set("TWILIO_ACCOUNT_SID", &account.account_sid);
        of_many.set("TWILIO_AUTH_TOKEN", &account.auth_token);
        let reader = hex(digest(&SHA256, READER.as_bytes()).as_ref());
        let keys = &of_few.variables()["API_KEYS"];
        let keys = format!("{keys},reader:{reader}:users:read+calls:read");
        of_few.set("API_KEYS", keys);
        let queues = Queues::start(aws_venv, &output, queues::Options::default()).await?;
        queues.configure(&mut of_few);
        of_few.set("DIALS_PER_SECOND", DIALS_PER_SECOND);
        let twilio = simulator::start(workspace, &output, &account, SPEED).await?;
        simulator::report_transcripts(&twilio, &account, &few_url).await?;
        let mut variables = vec![
            ("OUTDIAL_URL", few_url),
            ("OUTDIAL_API_KEY", of_few.api_key.clone()),
            ("OUTDIAL_MANY_URL", many_url),
            ("OUTDIAL_MANY_API_KEY", of_many.api_key.clone()),
            ("OUTDIAL_DATABASE", server.server()),
            ("OUTDIAL_MANY_DATABASE", MANY_DATABASE.to_owned()),
            ("OUTDIAL_DATABASE_PORT", between.to_string()),
        ];
        variables.push(("OUTDIAL_MANY_CALLS", seed::CALLS.to_string()));
        variables.push(("OUTDIAL_MANY_BATCH", batch));
        variables.push(("OUTDIAL_READER_API_KEY", READER.to_owned()));
        let hosts = [(few, of_few), (many, of_many)].map(|(gateway, mut environment)| {
            simulator::configure(&mut environment, &twilio);
            // The tests call one number more often than the default cap allows.
            environment.set("MAX_CALLS_PER_NUMBER_PER_DAY", "1000");
            let options = Options {
                workspace,
                output: output.clone(),
                environments: ENVIRONMENTS,
                kills: None,
                beside: None,
            };
            functions::serve(gateway, environment, options)
        });
        let events = run_events(hosts[0].clone(), Some(queues), output);
        let events = tokio::spawn(async move { match events.await {} });
        Ok(Self {
            log,
            variables,
            _database: database,
            _hosts: hosts,
            _events: events,
        })
    }
}

pub async fn run(arguments: Arguments) -> Result<()> {
    let mut steps = Steps::new(4);
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let folder = workspace.target.join("console");
    std::fs::create_dir_all(&folder)?;
    steps.next("setting up the browser");
    let browser = Browser::ensure(&workspace).await?;
    steps.next("building the functions and the simulator, installing the database and the queues");
    let (venv, aws_venv) = prepare_with_queues(&workspace, whole_stack()).await?;
    steps.next("starting the database, Twilio and the functions, and storing ten thousand calls");
    let stack = Stack::start(&workspace, (&venv, &aws_venv), &folder).await?;
    let tests = workspace.root.join("tests/console");
    let mut command = processes::command("node");
    if arguments.pictures {
        steps.next("drawing the pictures");
        command.arg(tests.join("pictures.mjs"));
    } else {
        steps.next("testing");
        command.arg("--test-reporter=spec");
        if let Some(filter) = &arguments.filter {
            command.arg(format!("--test-name-pattern={filter}"));
        }
        command.arg(tests.join("all.mjs"));
    }
    let status = command
        .envs(stack.variables)
        .env("OUTDIAL_XTASK", workspace.binary("xtask"))
        .env("OUTDIAL_BROWSER", &browser.program)
        .env("OUTDIAL_PACKAGES", &browser.packages)
        .env("OUTDIAL_FOLDER", &folder)
        .env("NO_PROXY", "127.0.0.1")
        .current_dir(&workspace.root)
        .status()
        .await?;
    if status.success() {
        return Ok(());
    }
    Err(format!(
        "a test of the console failed: see above, and the functions' log {}",
        stack.log.display()
    )
    .into())
}
