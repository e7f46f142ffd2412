//! A TCP proxy that a test can cut, stall and restore.

use std::net::SocketAddr;

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};

use address::ServerUri;

/// A TCP proxy that a test can cut, stall and restore. It ends with the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Forwards everything.
    Open,
    /// Once a connection has carried one of these words to the target, it carries no response back.
    DropResponsesTo(&'static [&'static str]),
    /// Resets all connections.
    Cut,
    /// Accepts connections and forwards nothing.
    Stalled,
}

impl Proxy {
    /// Starts a proxy to `target`, a `host:port`.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (mode, watched) = watch::channel(Mode::Open);
        let target = target.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, target.clone(), watched.clone()));
            }
        });
        Self { address, mode }
    }

    /// Starts a proxy to a MongoDB server. Returns the URI that leads through the proxy, and the proxy.
    ///
    /// # Panics
    ///
    /// If the URI names several servers, or no port is free.
    pub async fn before(uri: &str) -> (String, Self) {
        let uri = ServerUri::parse(uri).expect("the URI is mongodb://… and names one server");
        let proxy = Self::to(&uri.server()).await;
        (uri.at(proxy.address), proxy)
    }

    /// Returns the address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets all connections, and each new one.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Stops forwarding. New connections are still accepted.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    /// Forwards everything, but drops the responses on each connection that carries one of these words from now on.
    pub fn lose_answers_to(&self, words: &'static [&'static str]) {
        self.mode.send_replace(Mode::DropResponsesTo(words));
    }

    /// Forwards again. Connections that were cut, stalled or have lost a response stay lost.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }
}

/// Forwards one connection until both sides close it. A reset by either side, a cut, or the end of a stall resets the connection.
async fn forward(mut client: TcpStream, target: String, mode: watch::Receiver<Mode>) {
    let (mut watched, watched_too) = (mode.clone(), mode.clone());
    if forwards(*watched.borrow_and_update())
        && let Ok(mut server) = TcpStream::connect(target).await
    {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let (muted, is_muted) = watch::channel(false);
        let requests = forward_requests(from_client, to_server, mode, muted);
        let responses = forward_responses(from_server, to_client, is_muted.clone());
        let is_cut = async {
            let _ = watched.wait_for(|&mode| !forwards(mode)).await;
        };
        let is_restored = async {
            let (mut mode, mut is_muted) = (watched_too, is_muted);
            let _ = is_muted.wait_for(|&is_muted| is_muted).await;
            let _ = mode.wait_for(|&mode| mode == Mode::Open).await;
        };
        tokio::select! {
            // Otherwise the client would wait for ever after the server has reset the connection.
            ended = async { tokio::try_join!(requests, responses) } => {
                if ended.is_ok() {
                    return;
                }
            }
            () = is_restored => {}
            () = is_cut => {}
        }
    }
    let _ = watched.wait_for(|&mode| mode != Mode::Stalled).await;
    let _ = client.set_zero_linger();
}

fn forwards(mode: Mode) -> bool {
    matches!(mode, Mode::Open | Mode::DropResponsesTo(_))
}

/// Forwards requests, and searches each piece for the words of [`Mode::DropResponsesTo`]. A command to the database arrives
/// in one piece.
async fn forward_requests(
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    mode: watch::Receiver<Mode>,
    muted: watch::Sender<bool>,
) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = client.read(&mut piece).await?;
        if length == 0 {
            return server.shutdown().await;
        }
        let request = &piece[..length];
        let has = |word: &&str| {
            request
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        if let Mode::DropResponsesTo(words) = *mode.borrow()
            && words.iter().any(has)
        {
            muted.send_replace(true);
        }
        server.write_all(request).await?;
    }
}

async fn forward_responses(
    mut server: ReadHalf<'_>,
    mut client: WriteHalf<'_>,
    is_muted: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = server.read(&mut piece).await?;
        if length == 0 {
            return client.shutdown().await;
        }
        if !*is_muted.borrow() {
            client.write_all(&piece[..length]).await?;
        }
    }
}
