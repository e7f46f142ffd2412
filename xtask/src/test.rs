//! `cargo xtask test`: runs every check and prints a table of the results.

mod crates;
mod prepare;
mod rust;
mod slowest;
mod step;
mod suite;
mod task;

use clap::Args;
use stack::prerequisites;
use stack::venv::{self, Venv};
use stack::workspace::Workspace;
use tokio::sync::{mpsc, oneshot};

use crate::Result;

pub use crates::advisories;
use rust::Selection;
pub use step::Step;
pub use suite::Suite;

/// The steps up to the build of the binaries, in order.
const CHECKS: [Step; 9] = [
    Step::Formatting,
    Step::Crates,
    Step::UnusedCrates,
    Step::CratesOfTheFuzzTargets,
    Step::Advisories,
    Step::Clippy,
    Step::ApiDocument,
    Step::Documentation,
    Step::Build,
];

/// The steps that run concurrently with the Rust tests, in order. They only need the binaries.
const CONCURRENT: [Step; 5] = [
    Step::ApiLinters,
    Step::SimulatorAndTwiliosSdk,
    Step::Schemathesis,
    Step::PythonClient,
    Step::Console,
];

#[derive(Args)]
#[command(after_help = "Examples:\n\
    \x20 cargo xtask test\n\
    \x20 cargo xtask test --quick\n\
    \x20 cargo xtask test --only console\n\
    \x20 cargo xtask test repeated_key_dials_once")]
pub struct Arguments {
    /// Skip what takes long: end-to-end tests, documentation, and the Python suites
    #[arg(long)]
    quick: bool,
    /// Run only one step, and the build if the step needs it
    #[arg(long, value_name = "STEP", ignore_case = true, conflicts_with_all = ["quick", "filter"])]
    only: Option<Step>,
    /// Run only the Rust tests whose names contain this text
    filter: Option<String>,
}

pub async fn run(arguments: Arguments) -> Result<()> {
    prerequisites::check()?;
    let workspace = Workspace::find()?;
    let mut suite = Suite::new(&workspace);
    if let Some(step) = arguments.only {
        if step.needs_binaries() {
            suite.run(Step::Build).await;
        }
        suite.run(step).await;
    } else if let Some(filter) = arguments.filter {
        suite.run(Step::Build).await;
        suite.rust_tests(&Selection::Named(filter)).await;
    } else if arguments.quick {
        for step in CHECKS {
            if step != Step::Documentation {
                suite.run(step).await;
            }
        }
        suite.rust_tests(&Selection::Quick).await;
    } else {
        Box::pin(everything(&mut suite)).await;
    }
    suite.finish()
}

/// Runs the steps in three concurrent lanes. The output of cargo's lane is live; that of the others follows at the end.
async fn everything(suite: &mut Suite<'_>) {
    let names = |steps: &[Step]| {
        let names: Vec<_> = steps.iter().map(|step| step.name()).collect();
        names.join(", ")
    };
    println!(
        "in order: {}, {}; concurrently, with output at the end: {}, {}, {}",
        names(&CHECKS),
        Step::RustTests.name(),
        Step::SamTemplate.name(),
        Step::Chaos.name(),
        names(&CONCURRENT)
    );
    let workspace = suite.workspace;
    let (built, binaries) = oneshot::channel();
    let (ended, mut outcomes) = mpsc::unbounded_channel();
    let concurrent = async move {
        for requirements in [venv::SDK_TESTS, venv::SCHEMATHESIS, venv::CLIENT] {
            // The step that uses the environment reports the failure.
            let _ = Venv::ensure(workspace, requirements).await;
        }
        let _ = ended.send(prepare::captured(workspace, Step::SamTemplate).await);
        // After a failed build, each step names its missing binary.
        let _ = binaries.await;
        // Chaos mostly waits for its schedule, so it gets a lane of its own.
        let chaos = async {
            let _ = ended.send(prepare::captured(workspace, Step::Chaos).await);
        };
        let in_order = async {
            for step in CONCURRENT {
                let _ = ended.send(prepare::captured(workspace, step).await);
            }
        };
        tokio::join!(chaos, in_order);
    };
    let shown = async {
        for step in CHECKS {
            suite.run(step).await;
        }
        let _ = built.send(());
        suite.run(Step::RustTests).await;
        while let Some(outcome) = outcomes.recv().await {
            suite.show(&outcome);
        }
    };
    tokio::join!(concurrent, shown);
}
