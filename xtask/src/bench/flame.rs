//! Where the time of a start goes: a flame graph of many starts.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use inferno::collapse::Collapse;
use inferno::collapse::perf::{Folder, Options};
use inferno::flamegraph;
use rustix::process::{Pid, Signal, kill_process};

use super::Bench;
use super::api::Environment;
use super::instructions::children;
use super::routes::Route;
use crate::Result;

/// How many starts are in one graph, and how many requests.
const STARTS: usize = 20;
const REQUESTS: usize = 200;

/// How often a second the stack is looked at.
const FREQUENCY: &str = "19999";

/// Whether Linux's `perf` is here, and may sample.
pub fn is_possible() -> bool {
    let tried = Command::new("perf")
        .args(["record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

/// Draws the starts of a function, up to its first answer, as `target/bench/FUNCTION-start.svg`.
pub async fn draw_starts(bench: &Bench, function: &str) -> Result<PathBuf> {
    let start = async |environment: &mut Environment, nth| {
        let (event, _) = super::cold::first_event(bench, function, nth);
        environment.first(event).await?;
        Ok(())
    };
    let drawing = Drawing {
        title: format!("{function}: from exec to the first answer, {STARTS} starts"),
        file: format!("{function}-start.svg"),
    };
    draw(bench, function, STARTS, start, &drawing).await
}

/// Draws many requests of a route to one environment, its start among them, as `target/bench/FUNCTION-METHOD-PATH.svg`.
pub async fn draw_requests(bench: &Bench, route: &Route) -> Result<PathBuf> {
    let requests = async |environment: &mut Environment, _| {
        for nth in 0..REQUESTS {
            environment.poll().await?;
            environment.handle(route.event(&bench.scene, nth)).await?;
        }
        environment.poll().await?;
        Ok(())
    };
    let name = route
        .name
        .replace(|letter: char| !letter.is_alphanumeric(), "-");
    let drawing = Drawing {
        title: format!("{}: a start and {REQUESTS} requests", route.name),
        file: format!("{}-{}.svg", route.function, name.trim_matches('-')),
    };
    draw(bench, route.function, 1, requests, &drawing).await
}

struct Drawing {
    title: String,
    file: String,
}

/// Starts a function again and again, and draws what it does until it has been driven.
async fn draw(
    bench: &Bench,
    function: &str,
    times: usize,
    drive: impl AsyncFn(&mut Environment, usize) -> Result<()>,
    Drawing { title, file }: &Drawing,
) -> Result<PathBuf> {
    let binary = bench.workspace.binary(function);
    let variables = bench.scene.variables(None)?;
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
        let mut environment = bench
            .api
            .run(command, function, &variables, &bench.scene.log)?;
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
            return Err("perf script has failed".into());
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
