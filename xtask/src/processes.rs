//! Child processes that never outlive this program.
//!
//! Each child leads a process group, so that Ctrl-C reaches this program alone and it ends them in order. Three nets
//! hold them: [`Descendants`] ends whatever is left when a command returns, fails, panics or is told to stop; on
//! Linux orphans of children come back to this program, which so finds them too; and children die with this program
//! even when it is killed, because [`bound_to_parent`] asked the kernel for that.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, test_kill_process};
use tokio::process::Command;

use crate::Result;

/// How long a process may take to end on its own once told to.
const PATIENCE: Duration = Duration::from_secs(8);

/// This program's file. Asked for once, at the start: cargo may put a new one in its place while this one runs.
pub fn this_program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let asked = std::env::current_exe();
        asked.unwrap_or_else(|_| std::env::args_os().next().unwrap_or_default().into())
    });
    &PROGRAM
}

/// A command for a child process: its own process group, no input, gone when this program is.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = if cfg!(target_os = "linux") {
        let mut command = Command::new(this_program());
        command.arg("bound-to-parent").arg(program);
        command
    } else {
        Command::new(program)
    };
    // What cargo tells this program about itself would make another cargo build some dependencies anew.
    for (name, _) in std::env::vars_os() {
        let told_by_cargo = name.to_str().is_some_and(|name| {
            [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
                "CARGO_PRIMARY_",
            ]
            .iter()
            .any(|prefix| name.starts_with(prefix))
        });
        if told_by_cargo {
            command.env_remove(name);
        }
    }
    command.process_group(0).stdin(std::process::Stdio::null());
    command
}

/// Becomes the given program, after asking the kernel to kill it when its parent ends. Returns only on failure.
#[cfg(target_os = "linux")]
pub fn bound_to_parent(program: &OsStr, arguments: &[std::ffi::OsString]) -> ExitCode {
    let bound = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if let Err(error) = bound {
        eprintln!("cannot bind to the parent's life: {error}");
        return ExitCode::FAILURE;
    }
    let error = std::process::Command::new(program).args(arguments).exec();
    eprintln!("cannot run {}: {error}", Path::new(program).display());
    ExitCode::from(127)
}

/// Becomes the given program. Returns only on failure.
#[cfg(not(target_os = "linux"))]
pub fn bound_to_parent(program: &OsStr, arguments: &[std::ffi::OsString]) -> ExitCode {
    let error = std::process::Command::new(program).args(arguments).exec();
    eprintln!("cannot run {}: {error}", Path::new(program).display());
    ExitCode::from(127)
}

/// Ends every process that this one has started, directly or not, when dropped.
pub struct Descendants(());

impl Descendants {
    /// To be made before the first child is started.
    pub fn end_on_drop() -> Self {
        this_program();
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
            eprintln!("orphans of children cannot be adopted: {error}");
        }
        Self(())
    }
}

impl Drop for Descendants {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut told: Vec<Pid> = Vec::new();
        loop {
            reap();
            let alive = descendants(getpid());
            if alive.is_empty() {
                return;
            }
            let late = Instant::now() > deadline;
            for pid in alive {
                if late {
                    kill_process(pid, Signal::KILL).ok();
                } else if !told.contains(&pid) {
                    told.push(pid);
                    kill_process(pid, Signal::TERM).ok();
                }
            }
            if Instant::now() > deadline + PATIENCE {
                eprintln!("some child processes could not be ended");
                return;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// Takes note of the children that have ended, which stay in the process table until then.
fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
}

/// The living processes below `root`; zombies do not count.
fn descendants(root: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, parent) in process_table() {
        children.entry(parent).or_default().push(pid);
    }
    let mut found = Vec::new();
    let mut open = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for &pid in children.get(&parent).into_iter().flatten() {
            open.push(pid);
            found.extend(Pid::from_raw(pid).filter(|pid| test_kill_process(*pid).is_ok()));
        }
    }
    found
}

/// Every process with its parent: `/proc` where there is one, else `ps`.
fn process_table() -> Vec<(i32, i32)> {
    let Ok(entries) = std::fs::read_dir("/proc/self/task").and_then(|_| std::fs::read_dir("/proc"))
    else {
        return from_ps().unwrap_or_default();
    };
    entries
        .filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
            let (pid, rest) = stat.split_once(' ')?;
            // The name may hold spaces and brackets: what follows the last bracket is state, parent, …
            let mut fields = rest.rsplit_once(')')?.1.split_whitespace();
            let state = fields.next()?;
            let parent = fields.next()?.parse().ok()?;
            (state != "Z" && state != "X").then_some((pid.parse().ok()?, parent))
        })
        .collect()
}

fn from_ps() -> Result<Vec<(i32, i32)>> {
    let child = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,stat="])
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let ps = i32::try_from(child.id())?;
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let pid = fields.next()?.parse().ok()?;
            let parent = fields.next()?.parse().ok()?;
            (pid != ps && !fields.next()?.starts_with('Z')).then_some((pid, parent))
        })
        .collect())
}
