//! No child process outlives the command that started it.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use uuid::Uuid;

use crate::dev_process::{Dev, MARK, signal};
use crate::{succeed, xtask};

#[test]
fn no_process_outlives_the_demo() {
    let mark = Uuid::new_v4().to_string();
    succeed(xtask(&["demo", "--speed", "50"]).env(MARK, &mark));
    assert_eq!(marked(&mark), [""; 0]);
}

#[test]
fn ctrl_c_ends_all_processes_of_dev() {
    let mut dev = Dev::start();
    // xtask, the database, the simulator, and at least seven functions.
    assert!(marked(&dev.mark).len() >= 10, "{:?}", marked(&dev.mark));
    signal(&dev.child, Signal::INT);
    let status = dev.child.wait().expect("dev ends");
    assert!(status.success(), "{status}");
    assert_eq!(marked(&dev.mark), [""; 0]);
}

#[test]
fn no_process_outlives_a_killed_dev() {
    let mut dev = Dev::start();
    signal(&dev.child, Signal::KILL);
    dev.child.wait().expect("dev is killed");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !marked(&dev.mark).is_empty() {
        assert!(Instant::now() < deadline, "{:?}", marked(&dev.mark));
        std::thread::sleep(Duration::from_millis(50));
    }
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
