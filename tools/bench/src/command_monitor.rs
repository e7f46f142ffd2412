//! Records the commands that a function sends to the database, on their way through a proxy.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mongodb::bson::{Bson, Document};
use stack::Result;
use testkit::Stage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{host, with_host};

/// Commands that a driver sends for itself.
const INTERNAL: [&str; 4] = ["hello", "ismaster", "isMaster", "endSessions"];

/// Fields that every driver adds to a command.
const ADDED: [&str; 5] = [
    "$db",
    "$readPreference",
    "$clusterTime",
    "lsid",
    "txnNumber",
];

/// A command and its effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub command: Document,
    pub effect: Effect,
}

/// The numbers of documents that a command has matched, changed and found, and of refused writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    matched: Option<i64>,
    changed: Option<i64>,
    found: Option<usize>,
    refused: usize,
}

/// Commands in steps. The commands of a step overlap; the next step begins after all of them.
pub type Steps = Vec<Vec<Command>>;

/// A proxy between functions and the database.
pub struct CommandMonitor {
    exchanges: Arc<Mutex<Exchanges>>,
}

/// Commands by the number of their connection, and their request id.
type Exchanges = HashMap<(u64, i32), Exchange>;

struct Exchange {
    command: Document,
    begun: Instant,
    reply: Option<(Instant, Effect)>,
}

impl CommandMonitor {
    /// Starts a proxy, and returns it with a stage whose functions connect through it.
    pub async fn start(stage: Stage) -> Result<(Self, Stage)> {
        let uri = stage.variable("MONGO_URI").unwrap_or_default().to_owned();
        let exchanges = Arc::default();
        let address = listen(host(&uri)?.to_owned(), Arc::clone(&exchanges)).await?;
        let stage = stage.set("MONGO_URI", &with_host(&uri, address)?);
        Ok((Self { exchanges }, stage))
    }

    /// Returns the commands with a reply since the last call.
    pub fn take(&self) -> Steps {
        let exchanges = std::mem::take(&mut *lock(&self.exchanges));
        in_steps(exchanges.into_values())
    }
}

fn lock(exchanges: &Mutex<Exchanges>) -> MutexGuard<'_, Exchanges> {
    exchanges.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(target: String, exchanges: Arc<Mutex<Exchanges>>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((client, _)) = listener.accept().await else {
                break;
            };
            let (target, exchanges) = (target.clone(), Arc::clone(&exchanges));
            tokio::spawn(async move { forward(connection, client, &target, &exchanges).await });
        }
    });
    Ok(address)
}

/// Forwards a connection in both directions, until either side closes it.
async fn forward(
    connection: u64,
    client: TcpStream,
    target: &str,
    exchanges: &Mutex<Exchanges>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let commands = async {
        loop {
            let message = message(&mut from_client).await?;
            if let Some(command) = body(&message).filter(is_recorded) {
                let exchange = Exchange {
                    command,
                    begun: Instant::now(),
                    reply: None,
                };
                let id = (connection, number(&message, REQUEST_ID));
                lock(exchanges).insert(id, exchange);
            }
            to_server.write_all(&message).await?;
        }
    };
    let replies = async {
        loop {
            let message = message(&mut from_server).await?;
            let id = (connection, number(&message, RESPONSE_TO));
            if let Some(exchange) = lock(exchanges).get_mut(&id) {
                let effect = body(&message).map(|reply| Effect::of(&reply));
                exchange.reply = Some((Instant::now(), effect.unwrap_or_default()));
            }
            to_client.write_all(&message).await?;
        }
    };
    tokio::select! {
        ended = commands => ended,
        ended = replies => ended,
    }
}

/// Reads one message of the wire protocol.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message).await?;
    let length = usize::try_from(number(&message, 0)).unwrap_or_default();
    message.resize(length.max(HEAD), 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// The size of a message's header: length, request id, id of the request that it replies to, and opcode.
const HEAD: usize = 16;
const REQUEST_ID: usize = 4;
const RESPONSE_TO: usize = 8;
const OPCODE: usize = 12;

/// The opcode of `OP_MSG`.
const OP_MSG: i32 = 2013;

fn number(message: &[u8], at: usize) -> i32 {
    let bytes = message.get(at..).and_then(|rest| rest.first_chunk());
    bytes.copied().map_or(0, i32::from_le_bytes)
}

/// Returns the document of an `OP_MSG`, with its document sequences as arrays.
fn body(message: &[u8]) -> Option<Document> {
    let mut rest = message.get(HEAD + 4..)?;
    if number(message, OPCODE) != OP_MSG {
        return None;
    }
    let mut body = Document::new();
    let mut sequences = Document::new();
    while let Some((kind, mut section)) = rest.split_first() {
        if *kind == 0 {
            body = Document::from_reader(&mut section).ok()?;
            rest = section;
        } else {
            let length = usize::try_from(number(section, 0)).ok()?;
            rest = section.get(length..)?;
            let sequence = section.get(4..length)?;
            let end = sequence.iter().position(|byte| *byte == 0)?;
            let name = std::str::from_utf8(&sequence[..end]).ok()?;
            let mut documents = &sequence[end + 1..];
            let mut all = Vec::new();
            while !documents.is_empty() {
                all.push(Bson::from(Document::from_reader(&mut documents).ok()?));
            }
            sequences.insert(name, all);
        }
    }
    body.extend(sequences);
    Some(body)
}

fn is_recorded(command: &Document) -> bool {
    let name = command.keys().next();
    name.is_some_and(|name| !INTERNAL.contains(&name.as_str()))
}

impl Effect {
    /// Reads the effect of a command from its reply.
    pub fn of(reply: &Document) -> Self {
        let count = |name: &str| match reply.get(name) {
            Some(Bson::Int32(count)) => Some(i64::from(*count)),
            Some(Bson::Int64(count)) => Some(*count),
            _ => None,
        };
        let first = reply.get_document("cursor").ok();
        let first = first.and_then(|cursor| cursor.get_array("firstBatch").ok());
        Self {
            matched: count("n"),
            changed: count("nModified"),
            found: first.map(Vec::len),
            refused: reply.get_array("writeErrors").map_or(0, Vec::len),
        }
    }
}

fn in_steps(exchanges: impl Iterator<Item = Exchange>) -> Steps {
    let mut exchanges: Vec<_> = exchanges.collect();
    exchanges.sort_by_key(|exchange| exchange.begun);
    let mut steps = Steps::new();
    let mut step_ends = None;
    for Exchange {
        mut command,
        begun,
        reply,
    } in exchanges
    {
        let Some((ended, effect)) = reply else {
            continue;
        };
        for name in ADDED {
            command.remove(name);
        }
        let command = Command { command, effect };
        match (steps.last_mut(), step_ends) {
            (Some(step), Some(end)) if begun < end => step.push(command),
            _ => steps.push(vec![command]),
        }
        step_ends = step_ends.max(Some(ended));
    }
    steps
}

#[cfg(test)]
mod tests;
