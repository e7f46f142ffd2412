//! Standard streams that are closed, full or blocked, and signals.

use std::fs::File;
use std::io::{BufRead, BufReader, Write, pipe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use testkit::Stage;

use crate::{Folder, fail, outdial, outdial_on};

/// A command must end this soon after a signal.
const SOON: Duration = Duration::from_secs(5);

/// Returns the writing end of a pipe whose reading end is closed.
pub fn closed_pipe() -> Stdio {
    let (_, writer) = pipe().expect("a pipe");
    writer.into()
}

/// Every command that needs no Twilio, with its exit code when standard output is closed.
fn commands(users: &str) -> [(Vec<&str>, i32); 9] {
    [
        (vec!["--help"], 0),
        (vec!["key", "backend"], 0),
        (vec!["completions", "bash"], 0),
        (vec!["dialing", "status"], 0),
        (vec!["indexes"], 0),
        (vec!["import", users], 1),
        (vec!["export", "users"], 141),
        (vec!["doctor"], 1),
        (vec!["redrive"], 1),
    ]
}

/// A table with one good and one bad row.
fn users(folder: &Folder) -> String {
    let file = folder.file("users.csv");
    let text = "name,email,phone_number\nAda,ada@example.com,+12125550123\nBob,bob,+12125550124\n";
    std::fs::write(&file, text).expect("it can be written");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_pipes_change_no_exit_code() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    for (words, code) in commands(&users(&folder)) {
        let mut command = outdial_on(&stage, &words);
        let output = command.stdout(closed_pipe()).output();
        let output = output.expect("outdial runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{words:?}: {stderr}");
        let mut command = outdial_on(&stage, &words);
        let status = command.stdout(closed_pipe()).stderr(closed_pipe()).status();
        let status = status.expect("outdial runs");
        assert_eq!(status.code(), Some(code), "{words:?}");
    }
    assert_eq!(stage.count("users").await, 1);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn full_disk_is_reported() {
    let stage = Stage::new().await;
    stage.user().await;
    for words in [
        &["key", "backend"][..],
        &["completions", "zsh"],
        &["export", "users"],
    ] {
        let full = File::options().write(true).open("/dev/full");
        let mut command = outdial_on(&stage, words);
        let output = command.stdout(full.expect("a device")).output();
        let output = output.expect("outdial runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let wanted = "error: standard output: No space left on device";
        assert!(stderr.contains(wanted), "{stderr}");
    }
}

pub fn send_signal(child: &Child, signal: &str) {
    let mut kill = Command::new("kill");
    let status = kill.args(["-s", signal, &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
}

pub fn ends_soon(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if start.elapsed() > SOON {
            child.kill().expect("a child");
            panic!("the command did not end");
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn signal_ends_a_command_that_waits_for_input() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut command = outdial(&["import", "/dev/stdin"]);
        let command = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("outdial runs");
        // More than a pipe holds: the write ends only if the command reads. Without a line break it then waits for more.
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin
            .write_all(&vec![b'a'; 200_000])
            .expect("outdial reads");
        send_signal(&child, signal);
        assert_eq!(ends_soon(&mut child).code(), Some(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn switch_is_printed_before_the_calls_end() {
    let stage = Stage::with_twilio().await;
    stage.user().await;
    let mut command = outdial_on(&stage, &["dialing", "off", "--cancel-queued"]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("outdial runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("outdial prints");
    assert!(line.starts_with("dialling is off since"), "{line}");
    // The command looks for calls for 5 s at least.
    send_signal(&child, "INT");
    assert_eq!(ends_soon(&mut child).code(), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_may_come_through_a_pipe() {
    let mut command = outdial(&["doctor", "--variables", "/dev/stdin"]);
    let command = command.env("AWS_EC2_METADATA_DISABLED", "true");
    let (reader, mut writer) = pipe().expect("a pipe");
    let variables = br#"{"SECRET_ID": "of-the-stack", "AWS_REGION": "us-east-1"}"#;
    writer.write_all(variables).expect("it has room");
    drop(writer);
    let (_, stderr) = fail(command.stdin(reader));
    let line = "no database; stack: /dev/stdin, with the secret of-the-stack\n";
    assert!(stderr.starts_with(line), "{stderr}");
}
