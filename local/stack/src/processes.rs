//! Child processes that never outlive this program.
//!
//! Each child leads a process group of its own, so Ctrl-C reaches only this program, which then ends the children. Three
//! mechanisms make sure of that:
//!
//! - [`Descendants`] ends all remaining children when a command returns, fails, panics or is stopped by a signal.
//! - On Linux, this program adopts the orphans of its children, and so ends them too.
//! - On Linux, the kernel kills the children when this program is killed: `become_bound_child` asks for that.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, test_kill_process};
use tokio::process::Command;

use crate::Result;

/// The first argument of a program that binds a child to its parent.
const BOUND_TO_PARENT: &str = "bound-to-parent";

/// Timeout for the end of a process after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(8);

/// This program's file. Read once, at the start, because cargo may replace the file while this program runs.
#[must_use]
pub fn this_program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let asked = std::env::current_exe();
        asked.unwrap_or_else(|_| std::env::args_os().next().unwrap_or_default().into())
    });
    &PROGRAM
}

/// A command for a child process. It leads a process group, has no input, and ends with this program.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = if cfg!(target_os = "linux") {
        let mut command = Command::new(this_program());
        command.arg(BOUND_TO_PARENT).arg(program);
        command
    } else {
        Command::new(program)
    };
    remove_cargo_variables(command.as_std_mut());
    command.process_group(0).stdin(std::process::Stdio::null());
    command
}

/// Removes the variables that cargo sets for this program. Because of them, another cargo would compile some dependencies again.
fn remove_cargo_variables(command: &mut std::process::Command) {
    const PREFIXES: [&str; 5] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_str().unwrap_or_default();
        if PREFIXES.iter().any(|prefix| name_text.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
}

/// If the arguments are those of [`command`], becomes the child: asks the kernel to kill this process when its parent ends, and
/// replaces this program by the child's. Returns only without such arguments.
pub(crate) fn become_bound_child() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_none_or(|first| first != BOUND_TO_PARENT)
    {
        return;
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        eprintln!("cannot bind this process to its parent: {error}");
        std::process::exit(1);
    }
    let program: OsString = arguments.next().unwrap_or_default();
    let error = std::process::Command::new(&program).args(arguments).exec();
    eprintln!("cannot run {}: {error}", Path::new(&program).display());
    std::process::exit(127);
}

/// Ends all descendants of this process when dropped.
pub struct Descendants(());

impl Descendants {
    /// Create it before the first child starts.
    #[must_use]
    pub fn end_on_drop() -> Self {
        let _ = this_program();
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::set_child_subreaper(Some(getpid())) {
            eprintln!("cannot adopt the orphans of child processes: {error}");
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
                eprintln!("some child processes do not end");
                return;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// Removes ended children from the process table.
fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
}

/// The descendants of `root` without zombies.
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

/// Lists every process with its parent. Reads `/proc`, or runs `ps` on systems without it.
fn process_table() -> Vec<(i32, i32)> {
    let Ok(entries) = std::fs::read_dir("/proc/self/task").and_then(|_| std::fs::read_dir("/proc"))
    else {
        return from_ps().unwrap_or_default();
    };
    entries
        .filter_map(|entry| {
            let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
            let (pid, rest) = stat.split_once(' ')?;
            // The name may contain spaces and brackets. After the last bracket come state, parent, …
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
