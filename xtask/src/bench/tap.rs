//! What a function asks of the database, overheard on its connection.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mongodb::bson::{Bson, Document};
use testkit::Stage;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::scene::{host, through};
use crate::Result;

/// What a driver asks for its own sake.
const OWN: [&str; 4] = ["hello", "ismaster", "isMaster", "endSessions"];

/// What every driver adds by itself.
const ADDED: [&str; 5] = [
    "$db",
    "$readPreference",
    "$clusterTime",
    "lsid",
    "txnNumber",
];

/// A command, and what it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    pub command: Document,
    pub effect: Effect,
}

/// How many documents a command has matched, has changed, and has found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    matched: Option<i64>,
    changed: Option<i64>,
    found: Option<usize>,
    refused: usize,
}

/// Commands in steps: those of one are under way together, and the next one begins after all of them.
pub type Asked = Vec<Vec<Command>>;

/// A TCP line to the database that one function uses.
pub struct Tap {
    heard: Arc<Mutex<Heard>>,
}

/// Commands by the number of their message.
type Heard = HashMap<i32, Exchange>;

struct Exchange {
    command: Document,
    begun: Instant,
    answer: Option<(Instant, Effect)>,
}

impl Tap {
    /// The stage's functions go through the tap.
    pub async fn before(stage: Stage) -> Result<(Self, Stage)> {
        let uri = stage.variable("MONGO_URI").unwrap_or_default().to_owned();
        let heard = Arc::default();
        let address = listen(host(&uri)?.to_owned(), Arc::clone(&heard)).await?;
        let stage = stage.set("MONGO_URI", &through(&uri, address)?);
        Ok((Self { heard }, stage))
    }

    /// What has been asked, and answered, since the last time.
    pub fn take(&self) -> Asked {
        let heard = std::mem::take(&mut *lock(&self.heard));
        in_steps(heard.into_values())
    }
}

fn lock(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(target: String, heard: Arc<Mutex<Heard>>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (target, heard) = (target.clone(), Arc::clone(&heard));
            tokio::spawn(async move { carry(near, &target, &heard).await });
        }
    });
    Ok(address)
}

async fn carry(near: TcpStream, target: &str, heard: &Mutex<Heard>) -> std::io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let asks = async {
        loop {
            let message = message(&mut from_near).await?;
            if let Some(command) = body(&message).filter(is_asked) {
                let exchange = Exchange {
                    command,
                    begun: Instant::now(),
                    answer: None,
                };
                lock(heard).insert(number(&message, 4), exchange);
            }
            to_far.write_all(&message).await?;
        }
    };
    let answers = async {
        loop {
            let message = message(&mut from_far).await?;
            if let Some(exchange) = lock(heard).get_mut(&number(&message, 8)) {
                let effect = body(&message).map(|reply| Effect::of(&reply));
                exchange.answer = Some((Instant::now(), effect.unwrap_or_default()));
            }
            to_near.write_all(&message).await?;
        }
    };
    // Until either side closes.
    tokio::select! {
        ended = asks => ended,
        ended = answers => ended,
    }
}

/// The next message of the wire protocol, whole.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; 4];
    from.read_exact(&mut message).await?;
    let length = usize::try_from(number(&message, 0)).unwrap_or_default();
    message.resize(length.max(HEAD), 0);
    from.read_exact(&mut message[4..]).await?;
    Ok(message)
}

/// Of a message: its length, its number, the number of what it answers, and what it is.
const HEAD: usize = 16;

/// `OP_MSG`.
const MESSAGE: i32 = 2013;

fn number(message: &[u8], at: usize) -> i32 {
    let bytes = message.get(at..).and_then(|rest| rest.first_chunk());
    bytes.copied().map_or(0, i32::from_le_bytes)
}

/// The document of an `OP_MSG`, with its sequences of documents as arrays.
fn body(message: &[u8]) -> Option<Document> {
    let mut rest = message.get(HEAD + 4..)?;
    if number(message, 12) != MESSAGE {
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

fn is_asked(command: &Document) -> bool {
    let name = command.keys().next();
    name.is_some_and(|name| !OWN.contains(&name.as_str()))
}

impl Effect {
    /// What a reply tells.
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

fn in_steps(heard: impl Iterator<Item = Exchange>) -> Asked {
    let mut heard: Vec<_> = heard.collect();
    heard.sort_by_key(|exchange| exchange.begun);
    let mut asked = Asked::new();
    let mut step_ends = None;
    for Exchange {
        mut command,
        begun,
        answer,
    } in heard
    {
        let Some((ended, effect)) = answer else {
            continue;
        };
        for name in ADDED {
            command.remove(name);
        }
        let command = Command { command, effect };
        match (asked.last_mut(), step_ends) {
            (Some(step), Some(end)) if begun < end => step.push(command),
            _ => asked.push(vec![command]),
        }
        step_ends = step_ends.max(Some(ended));
    }
    asked
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mongodb::bson::doc;

    use super::*;

    fn exchange(name: &str, begun: Instant, from_ms: u64, to_ms: u64) -> Exchange {
        Exchange {
            command: doc! { name: "calls", "$db": "outdial", "lsid": {} },
            begun: begun + Duration::from_millis(from_ms),
            answer: Some((begun + Duration::from_millis(to_ms), Effect::default())),
        }
    }

    #[test]
    fn commands_that_overlap_are_one_step() {
        let begun = Instant::now();
        let heard = [
            exchange("update", begun, 9, 12),
            exchange("find", begun, 0, 5),
            exchange("insert", begun, 5, 8),
            exchange("aggregate", begun, 1, 3),
        ];
        let asked = in_steps(heard.into_iter());
        let names: Vec<Vec<_>> = asked
            .iter()
            .map(|step| step.iter().map(|one| one.command.to_string()).collect())
            .collect();
        let named = |name: &str| format!("{{ \"{name}\": \"calls\" }}");
        assert_eq!(
            names,
            [
                vec![named("find"), named("aggregate")],
                vec![named("insert")],
                vec![named("update")]
            ]
        );
    }

    #[test]
    fn a_message_is_read_with_its_sequences() {
        let mut sections = vec![0; HEAD + 4];
        sections[12..HEAD].copy_from_slice(&MESSAGE.to_le_bytes());
        let documents = doc! { "_id": 1 }.to_vec().unwrap();
        let length = i32::try_from(4 + 10 + documents.len()).unwrap();
        sections.push(1);
        sections.extend(length.to_le_bytes());
        sections.extend(b"documents\0");
        sections.extend(&documents);
        sections.push(0);
        sections.extend(doc! { "insert": "calls" }.to_vec().unwrap());
        let read = body(&sections);
        assert_eq!(
            read,
            Some(doc! { "insert": "calls", "documents": [{ "_id": 1 }] })
        );
        assert!(body(&sections[..sections.len() - 3]).is_none());
    }

    #[test]
    fn a_reply_tells_what_was_done() {
        let reply = doc! { "n": 2, "nModified": 1_i64, "ok": 1.0 };
        let effect = Effect::of(&reply);
        assert_eq!((effect.matched, effect.changed), (Some(2), Some(1)));
        let reply = doc! { "cursor": { "firstBatch": [{}, {}] }, "ok": 1.0 };
        assert_eq!(Effect::of(&reply).found, Some(2));
    }
}
