//! The command line of twilio-sim: its options, and running until a signal.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use twilio_sim::callee::TABLE;
use twilio_sim::clock::Speed;
use twilio_sim::config::{DEFAULT_ACCOUNT_SID, DEFAULT_AUTH_TOKEN, DEFAULT_NUMBER};
use twilio_sim::faults::FaultPlan;
use twilio_sim::intelligence::{Intelligence, parse_service};
use twilio_sim::model::Service;
use twilio_sim::phone_number::e164;
use twilio_sim::scripted::Scripted;
use twilio_sim::{Config, Simulator};

/// Simulates Twilio Programmable Voice: REST API, TwiML, signed webhooks and recordings.
///
/// In your application, replace <https://api.twilio.com> with the address that the simulator prints, and set the account SID and
/// auth token below.
#[derive(Debug, Parser)]
#[command(version, after_help = numbers_help())]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
struct Args {
    /// Address to listen on; port 0 picks a free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Account SID
    #[arg(long, value_name = "AC…", env = "TWILIO_ACCOUNT_SID", default_value = DEFAULT_ACCOUNT_SID, value_parser = account_sid)]
    account_sid: String,
    /// Auth token, which also signs the webhooks
    #[arg(long, value_name = "TOKEN", env = "TWILIO_AUTH_TOKEN", default_value = DEFAULT_AUTH_TOKEN, hide_env_values = true)]
    auth_token: String,
    /// API key and its secret, accepted like the auth token; repeatable
    #[arg(long = "api-key", value_name = "SK…:SECRET", value_parser = api_key)]
    api_keys: Vec<(String, String)>,
    /// Number that the account owns; repeatable
    #[arg(long = "number", value_name = "E.164", default_value = DEFAULT_NUMBER, value_parser = number)]
    numbers: Vec<String>,
    /// Verified number of another owner; repeatable
    #[arg(long = "caller-id", value_name = "E.164", value_parser = number)]
    caller_ids: Vec<String>,
    /// Call from any valid number, also one that the account doesn't have (21210)
    #[arg(long)]
    any_from: bool,
    /// Speed factor: seconds of call time per second, 0.01 to 100000
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = Speed::parse)]
    speed: Speed,
    /// Random seed for a fault plan without its own seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Fault plan (JSON): the faults to inject
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Called parties (JSON): who picks up at each number, what it presses, and when it hangs up
    #[arg(long, value_name = "FILE")]
    callees: Option<PathBuf>,
    /// Intelligence service that transcribes recordings: its SID, its language, and the URL that hears of transcripts; repeatable
    #[arg(long = "intelligence-service", value_name = "GA…,LANGUAGE[,URL]", value_parser = parse_service)]
    services: Vec<Service>,
    /// Send the webhooks about transcripts as forms, not as JSON; Twilio doesn't document which
    #[arg(long)]
    form_transcript_webhooks: bool,
    /// Channel of the called party in transcripts of dual recordings; Twilio doesn't document which
    #[arg(long, value_name = "1|2", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=2))]
    callee_channel: u16,
    /// Print each log entry in readable form on standard output
    #[arg(long)]
    verbose: bool,
    /// Most calls to dial per second of call time, the others stay queued, for up to 24 hours (22005); no limit by default,
    /// Twilio's default is 1
    #[arg(long, value_name = "N", value_parser = rate)]
    max_calls_per_second: Option<f64>,
    /// Most calls that have not ended, further ones are refused (10004); no limit by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_concurrent_calls: Option<u32>,
    /// Data file: keep calls and recordings for the next run, and load those of earlier runs
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Continue a call without audio that can't be played, instead of requesting the fallback URL; Twilio doesn't document what it
    /// does
    #[arg(long)]
    skip_failed_audio: bool,
    /// Don't request the action of a Dial if the call that dialled ends first; Twilio doesn't document what it does
    #[arg(long)]
    no_dial_action_after_hangup: bool,
    /// Refuse webhook URLs that are not https or point to this machine (21205), like Twilio
    #[arg(long)]
    strict_urls: bool,
    /// Request the action of a Gather that an update cuts off, with the keys so far
    #[arg(long)]
    report_cut_gathers: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("twilio-sim: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let faults = read(args.faults.as_deref(), FaultPlan::parse)?;
    let callees = read(args.callees.as_deref(), Scripted::parse)?;
    let config = Config {
        listen: args.listen,
        account_sid: args.account_sid,
        auth_token: args.auth_token,
        api_keys: args.api_keys,
        numbers: args.numbers,
        caller_ids: args.caller_ids,
        any_from: args.any_from,
        speed: args.speed,
        seed: args.seed,
        faults,
        callees,
        intelligence: Intelligence {
            services: args.services,
            form_webhooks: args.form_transcript_webhooks,
            callee_channel: args.callee_channel,
        },
        verbose: args.verbose,
        max_calls_per_second: args.max_calls_per_second,
        max_concurrent_calls: args.max_concurrent_calls.map(|most| most as usize),
        skip_failed_audio: args.skip_failed_audio,
        dial_action_after_hangup: !args.no_dial_action_after_hangup,
        strict_urls: args.strict_urls,
        report_cut_gathers: args.report_cut_gathers,
        data: args.data,
    };
    let simulator = Simulator::bind(config)
        .await
        .map_err(|error| error.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    // Standard output is line-buffered, so readers get this line at once.
    println!("twilio-sim listening on http://{}", simulator.address());
    tokio::select! {
        served = simulator.run() => served.map_err(|error| error.to_string()),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

/// Reads a file. Without one, returns the default.
fn read<T: Default, E: Display>(
    path: Option<&Path>,
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T, String> {
    let Some(path) = path else {
        return Ok(T::default());
    };
    let of_file = |error: &dyn Display| format!("{}: {error}", path.display());
    let json = std::fs::read(path).map_err(|error| of_file(&error))?;
    parse(&json).map_err(|error| of_file(&error))
}

fn numbers_help() -> String {
    let lines: Vec<String> = TABLE
        .iter()
        .map(|(number, what)| format!("  {number}  {what}"))
        .collect();
    format!(
        "The called number (To) decides how a call goes:\n{}\n  any other     answers after 3 seconds and listens\n\n{REPEAT_HELP}\n\n{INSPECTION_HELP}",
        lines.join("\n")
    )
}

const REPEAT_HELP: &str = "AAA is any area code and N a digit. The simulator counts the calls that it has created to the number.";
const INSPECTION_HELP: &str = "Inspection, without credentials:
  GET /_sim/dials           requests to create calls: arrival, number, call_id, response, local time of the called party
  GET /_sim/pace            most requests to create calls within any second
  GET /_sim/calls           calls
  GET /_sim/log             log
  GET, PUT /_sim/faults     fault plan
  POST /_sim/inbound        somebody calls a number of the account
  GET /_sim/health          200";

fn account_sid(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("AC").unwrap_or_default();
    if digits.len() == 32 && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        Ok(text.to_owned())
    } else {
        Err("must be AC followed by 32 hex digits".to_owned())
    }
}

fn api_key(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((sid, secret)) if !sid.is_empty() && !secret.is_empty() => {
            Ok((sid.to_owned(), secret.to_owned()))
        }
        _ => Err("must be the key's SID, a colon and the secret".to_owned()),
    }
}

fn number(text: &str) -> Result<String, String> {
    e164(text).ok_or_else(|| "must be in E.164 format, for example +12125550123".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("must be a number greater than 0".to_owned()),
    }
}
