//! Whatever ends a command, nothing that it started lives on.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

use crate::{succeed, xtask};

/// Inherited by every process that a command starts, so that they can be found wherever they end up.
const MARK: &str = "OUTDIAL_END_TO_END_MARK";

#[test]
fn nothing_outlives_the_demo() {
    let mark = Uuid::new_v4().to_string();
    succeed(xtask(&["demo", "--speed", "50"]).env(MARK, &mark));
    assert_eq!(marked(&mark), [""; 0]);
}

#[test]
fn ctrl_c_ends_everything_that_dev_started() {
    let mut dev = Dev::start();
    signal(&dev.child, Signal::INT);
    let status = dev.child.wait().expect("dev ends");
    assert!(status.success(), "{status}");
    assert_eq!(marked(&dev.mark), [""; 0]);
}

#[test]
fn nothing_outlives_a_dev_that_is_killed() {
    let mut dev = Dev::start();
    signal(&dev.child, Signal::KILL);
    dev.child.wait().expect("dev is killed");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !marked(&dev.mark).is_empty() {
        assert!(Instant::now() < deadline, "{:?}", marked(&dev.mark));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A running `cargo xtask dev`, ended with the test.
struct Dev {
    child: Child,
    mark: String,
    storage: std::path::PathBuf,
}

impl Dev {
    fn start() -> Self {
        let mark = Uuid::new_v4().to_string();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut child = xtask(&["dev", "--port", &port.to_string()])
            .env(MARK, &mark)
            .stdout(Stdio::piped())
            .spawn()
            .expect("xtask runs");
        let stdout = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut shown = Vec::new();
        let greeted = lines.by_ref().any(|line| {
            shown.push(line);
            shown
                .last()
                .is_some_and(|line| line.contains("Ctrl-C ends everything"))
        });
        let dev = Self {
            child,
            mark,
            storage: storage(port),
        };
        assert!(greeted, "dev ended early:\n{}", shown.join("\n"));
        std::thread::spawn(|| lines.for_each(drop));
        // xtask, the database, the simulator, cargo-lambda, and a function with its labeller seven times.
        assert!(marked(&dev.mark).len() >= 18, "{:?}", marked(&dev.mark));
        dev
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            signal(&self.child, Signal::TERM);
            let _ = self.child.wait();
        }
        let _ = fs::remove_dir_all(&self.storage);
    }
}

/// Beside the folder of the binaries, as `dev` chooses it.
fn storage(port: u16) -> std::path::PathBuf {
    let binaries = std::path::Path::new(env!("CARGO_BIN_EXE_xtask")).parent();
    let target = binaries
        .and_then(std::path::Path::parent)
        .expect("a target folder");
    target.join("dev").join(port.to_string())
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id");
    kill_process(pid, signal).expect("it still runs");
}

/// The command lines of the living processes that carry the mark.
fn marked(mark: &str) -> Vec<String> {
    let wanted = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").expect("/proc is there");
    processes
        .filter_map(|process| {
            let folder = process.ok()?.path();
            let environment = fs::read(folder.join("environ")).ok()?;
            let carries = environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes());
            let words = fs::read(folder.join("cmdline")).ok()?;
            carries.then(|| String::from_utf8_lossy(&words).replace('\0', " "))
        })
        .collect()
}
