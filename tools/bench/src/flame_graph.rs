//! Draws flame graphs of starts and of requests, with Linux's `perf`.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options};
use inferno::flamegraph;
use rustix::process::{Pid, Signal, kill_process};

use stack::Result;

use crate::bench::Bench;
use crate::environment::Environment;
use crate::process::children;
use crate::routes::{Route, first_event};

/// Number of starts in one graph.
const STARTS: usize = 20;
/// Number of requests in one graph.
const REQUESTS: usize = 200;

/// Samples per second.
const FREQUENCY: &str = "19999";

/// Returns whether `perf` is installed and may sample.
pub fn is_possible() -> bool {
    let tried = Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Draws the starts of a function, up to its first response, as `target/bench/FUNCTION-start.svg`.
pub async fn draw_starts(bench: &Bench, function: &str) -> Result<PathBuf> {
    let start = async |environment: &mut Environment, nth| {
        let (event, _) = first_event(&bench.fixture, function, nth);
        environment.first(event).await?;
        Ok(())
    };
    let drawing = Drawing {
        title: format!("{function}: from exec to the first response, {STARTS} starts"),
        file: format!("{function}-start.svg"),
    };
    draw(bench, function, STARTS, start, &drawing).await
}

/// Draws one start and many requests of a route as `target/bench/FUNCTION-METHOD-PATH.svg`.
pub async fn draw_requests(bench: &Bench, route: &Route) -> Result<PathBuf> {
    let requests = async |environment: &mut Environment, _| {
        for nth in 0..REQUESTS {
            environment.poll().await?;
            environment.handle(route.event(&bench.fixture, nth)).await?;
        }
        environment.poll().await?;
        Ok(())
    };
    let name = route
        .name
        .replace(|letter: char| !letter.is_alphanumeric(), "-");
    let drawing = Drawing {
        title: format!("{}: one start and {REQUESTS} requests", route.name),
        file: format!("{}-{}.svg", route.function, name.trim_matches('-')),
    };
    draw(bench, route.function, 1, requests, &drawing).await
}

struct Drawing {
    title: String,
    file: String,
}

/// Starts a function several times, drives each environment, and draws all samples in one graph.
async fn draw(
    bench: &Bench,
    function: &str,
    times: usize,
    drive: impl AsyncFn(&mut Environment, usize) -> Result<()>,
    Drawing { title, file }: &Drawing,
) -> Result<PathBuf> {
    let binary = bench.workspace.binary(function);
    let variables = bench.fixture.variables(None)?;
    let samples = bench.folder.join("perf.data");
    let stacks = bench.folder.join("stacks.txt");
    let mut folded = Vec::new();
    let mut folder = Folder::from(Options::default());
    for nth in 0..times {
        let mut command = Command::new("perf");
        command
            .args(["record", "-q", "-e", "cpu-clock:u", "-F", FREQUENCY])
            .args(["--call-graph", "dwarf,16384", "-o"])
            .arg(&samples)
            .arg(&binary);
        let mut environment = bench.run(command, function, &variables)?;
        drive(&mut environment, nth).await?;
        let pid = i32::try_from(environment.process_id()).ok();
        for child in pid
            .and_then(Pid::from_raw)
            .map(children)
            .unwrap_or_default()
        {
            kill_process(child, Signal::TERM)?;
        }
        environment.wait()?;
        let read = Command::new("perf")
            .args(["script", "--no-inline", "-i"])
            .arg(&samples)
            .stdout(File::create(&stacks)?)
            .stderr(Stdio::null())
            .status()?;
        if !read.success() {
            return Err("perf script failed".into());
        }
        folder.collapse(BufReader::new(File::open(&stacks)?), &mut folded)?;
    }
    let svg = bench.folder.join(file);
    let mut options = flamegraph::Options::default();
    options.title.clone_from(title);
    options.deterministic = true;
    flamegraph::from_lines(
        &mut options,
        String::from_utf8_lossy(&folded).lines(),
        File::create(&svg)?,
    )?;
    for file in [samples, stacks] {
        std::fs::remove_file(file)?;
    }
    Ok(svg)
}
