//! Counts the instructions of a start, which don't depend on the machine's load. The processor's own counter counts them,
//! or a simulated processor.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use stack::Result;

use crate::bench::Bench;
use crate::environment::Environment;
use crate::process::children;

/// A tool that counts instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Linux's `perf stat`, if the machine allows it.
    Perf,
    /// Valgrind's `callgrind`.
    Callgrind,
}

impl Counter {
    /// Returns a tool that works here.
    pub fn find() -> Option<Self> {
        let perf = Command::new("perf")
            .args(["stat", "-x,", "-e", "instructions:u", "true"])
            .stdout(Stdio::null())
            .output()
            .ok()
            .and_then(|run| read_perf(&String::from_utf8_lossy(&run.stderr)));
        if perf.is_some() {
            return Some(Self::Perf);
        }
        let valgrind = Command::new("valgrind").arg("--version").output();
        valgrind
            .is_ok_and(|run| run.status.success())
            .then_some(Self::Callgrind)
    }

    /// Returns the name of the tool.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf stat",
            Self::Callgrind => "callgrind",
        }
    }

    /// Counts the instructions of a function in user space until its first poll.
    ///
    /// # Errors
    ///
    /// If the tool doesn't report a count.
    pub async fn count(
        self,
        bench: &Bench,
        function: &str,
        variables: &[(String, String)],
    ) -> Result<u64> {
        let file = bench.folder.join("instructions.out");
        // An older count must not be taken for this one.
        let _ = std::fs::remove_file(&file);
        let command = self.command(&bench.workspace.binary(function), &file);
        let mut environment = bench.run(command, function, variables)?;
        environment.poll().await?;
        end(environment, self)?;
        let text = std::fs::read_to_string(&file)?;
        let count = match self {
            Self::Perf => read_perf(&text),
            Self::Callgrind => read_callgrind(&text),
        };
        count.ok_or_else(|| format!("{} reports no count", self.name()).into())
    }

    fn command(self, binary: &Path, file: &Path) -> Command {
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

/// Ends the process, which makes both tools write their counts.
fn end(environment: Environment, counter: Counter) -> Result<()> {
    let pid = i32::try_from(environment.process_id()).ok();
    let pid = pid.and_then(Pid::from_raw).ok_or("the process has no id")?;
    match counter {
        // `perf stat` ends with the process that it watches.
        Counter::Perf => {
            for child in children(pid) {
                kill_process(child, Signal::TERM)?;
            }
        }
        Counter::Callgrind => kill_process(pid, Signal::TERM)?,
    }
    environment.wait()
}

fn read_perf(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("instructions"))?;
    line.split(',').next()?.parse().ok()
}

fn read_callgrind(text: &str) -> Option<u64> {
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
    fn counts_of_both_tools_are_read() {
        assert_eq!(
            read_perf("1234567,,instructions:u,800000,100.00,,\n"),
            Some(1_234_567)
        );
        assert_eq!(
            read_perf("<not supported>,,instructions:u,0,100.00,,\n"),
            None
        );
        assert_eq!(
            read_callgrind("fn=(1) main\n3 4\n\ntotals: 965238\n"),
            Some(965_238)
        );
        assert_eq!(read_callgrind(""), None);
    }
}
