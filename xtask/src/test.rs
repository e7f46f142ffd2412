//! `cargo xtask test`: everything that must pass, and a table of the results.

mod rust;
mod slowest;
mod step;
mod suite;
mod task;

use clap::Args;
use tokio::sync::{mpsc, oneshot};

use crate::Result;
use crate::prerequisites;
use crate::venv::{self, Venv};
use crate::workspace::Workspace;

use rust::Selection;
pub use step::Step;
pub use suite::Suite;
pub use task::Task;

/// The steps up to the binaries, in turn.
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

/// The steps that run beside the Rust tests, in turn: each starts what it needs, and needs nothing but the binaries.
const BESIDE: [Step; 5] = [
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
    \x20 cargo xtask test a_repeated_key_dials_once")]
pub struct Arguments {
    /// Leave out what takes long: end-to-end tests, documentation, and the Python suites
    #[arg(long)]
    quick: bool,
    /// Run one step, with what it needs and nothing else
    #[arg(long, value_name = "STEP", ignore_case = true, conflicts_with_all = ["quick", "filter"])]
    only: Option<Step>,
    /// Run only the Rust tests whose names contain this
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

/// Runs the steps in lanes. The lane of cargo shows its output as it comes; what the others print follows at the end.
async fn everything(suite: &mut Suite<'_>) {
    let names = |steps: &[Step]| {
        let names: Vec<_> = steps.iter().map(|step| step.name()).collect();
        names.join(", ")
    };
    println!(
        "in turn: {}, {}; beside them, and shown at the end: {}, {}, {}",
        names(&CHECKS),
        Step::RustTests.name(),
        Step::SamTemplate.name(),
        Step::Chaos.name(),
        names(&BESIDE)
    );
    let workspace = suite.workspace;
    let (built, binaries) = oneshot::channel();
    let (ended, mut outcomes) = mpsc::unbounded_channel();
    let beside = async move {
        for requirements in [venv::SDK_TESTS, venv::SCHEMATHESIS, venv::CLIENT] {
            // The step that uses the environment reports the failure.
            let _ = Venv::ensure(workspace, requirements).await;
        }
        let _ = ended.send(task::captured(workspace, Step::SamTemplate).await);
        // After a failed build, each step names the binary that it misses.
        let _ = binaries.await;
        // Most of the time it waits for what is scheduled.
        let chaos = async {
            let _ = ended.send(task::captured(workspace, Step::Chaos).await);
        };
        let in_turn = async {
            for step in BESIDE {
                let _ = ended.send(task::captured(workspace, step).await);
            }
        };
        tokio::join!(chaos, in_turn);
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
    tokio::join!(beside, shown);
}
