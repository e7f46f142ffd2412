//! How many instructions a start takes, which is the same however busy the machine is: told by the processor's own counter,
//! else by a simulated processor.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::Bench;
use super::api::Environment;
use crate::Result;

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Linux's `perf stat`, where the machine lets it.
    Perf,
    /// Valgrind's `callgrind`.
    Callgrind,
}

impl Counter {
    /// The one that works here.
    pub fn find() -> Option<Self> {
        let perf = Command::new("perf")
            .args(["stat", "-x,", "-e", "instructions:u", "true"])
            .stdout(Stdio::null())
            .output()
            .ok()
            .and_then(|run| of_perf(&String::from_utf8_lossy(&run.stderr)));
        if perf.is_some() {
            return Some(Self::Perf);
        }
        let valgrind = Command::new("valgrind").arg("--version").output();
        valgrind
            .is_ok_and(|run| run.status.success())
            .then_some(Self::Callgrind)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf stat",
            Self::Callgrind => "callgrind",
        }
    }

    /// How many instructions the binary takes in user space until it first asks for an event.
    pub async fn count(
        self,
        bench: &Bench,
        binary: &Path,
        variables: &[(String, String)],
    ) -> Result<u64> {
        let file = bench.folder.join("instructions.out");
        // What an earlier start has left must not pass for this one's.
        let _ = std::fs::remove_file(&file);
        let mut environment = bench.api.run(
            self.command(binary, &file),
            &binary.file_name().unwrap_or_default().to_string_lossy(),
            variables,
            &bench.scene.log,
        )?;
        environment.poll().await?;
        end(environment, self)?;
        let text = std::fs::read_to_string(&file)?;
        let count = match self {
            Self::Perf => of_perf(&text),
            Self::Callgrind => of_callgrind(&text),
        };
        count.ok_or_else(|| format!("{} has counted nothing", self.name()).into())
    }

    fn command(self, binary: &Path, file: &PathBuf) -> Command {
        let mut command = Command::new(match self {
            Self::Perf => "perf",
            Self::Callgrind => "valgrind",
        });
        match self {
            Self::Perf => command
                .args(["stat", "-x,", "-e", "instructions:u", "-o"])
                .arg(file),
            Self::Callgrind => {
                let mut out = std::ffi::OsString::from("--callgrind-out-file=");
                out.push(file);
                command.args(["--tool=callgrind", "--quiet"]).arg(out)
            }
        };
        command.arg(binary);
        command
    }
}

/// Has it write its counts: both do when they are told to end.
fn end(environment: Environment, counter: Counter) -> Result<()> {
    let pid = i32::try_from(environment.process_id()).ok();
    let pid = pid
        .and_then(Pid::from_raw)
        .ok_or("a process has a number")?;
    match counter {
        // It ends with what it watches.
        Counter::Perf => {
            for child in children(pid) {
                kill_process(child, Signal::TERM)?;
            }
        }
        Counter::Callgrind => kill_process(pid, Signal::TERM)?,
    }
    environment.wait()
}

/// Of that process.
pub fn children(pid: Pid) -> Vec<Pid> {
    let pid = pid.as_raw_nonzero();
    let told = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let told = told.unwrap_or_default();
    let children = told
        .split_whitespace()
        .filter_map(|child| child.parse().ok());
    children.filter_map(Pid::from_raw).collect()
}

fn of_perf(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("instructions"))?;
    line.split(',').next()?.parse().ok()
}

fn of_callgrind(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_read_as_the_tools_write_them() {
        assert_eq!(
            of_perf("1234567,,instructions:u,800000,100.00,,\n"),
            Some(1_234_567)
        );
        assert_eq!(
            of_perf("<not supported>,,instructions:u,0,100.00,,\n"),
            None
        );
        assert_eq!(
            of_callgrind("fn=(1) main\n3 4\n\ntotals: 965238\n"),
            Some(965_238)
        );
        assert_eq!(of_callgrind(""), None);
    }
}
