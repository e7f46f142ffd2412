use std::net::SocketAddr;

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};

use crate::ServerUri;

/// A TCP proxy whose line a test can cut, hold up and restore. It ends with the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// A connection that carries one of these words to the target carries nothing back from then on.
    LosesAnswersTo(&'static [&'static str]),
    Cut,
    Stalled,
}

impl Proxy {
    /// A proxy to `target`, a `host:port`, with its line open.
    ///
    /// # Panics
    ///
    /// Without a free port.
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let (line, watched) = watch::channel(Line::Open);
        let target = target.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), watched.clone()));
            }
        });
        Self { address, line }
    }

    /// A proxy before a MongoDB server, and the server's URI by way of it, with the login and the options of `uri`.
    ///
    /// # Panics
    ///
    /// When the URI does not name one server, or no port is free.
    pub async fn before(uri: &str) -> (String, Self) {
        let uri = ServerUri::parse(uri).expect("the URI is mongodb://… and names one server");
        let proxy = Self::to(&uri.server()).await;
        (uri.at(proxy.address), proxy)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets every connection, and each that comes.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Carries nothing any more, on connections that are taken as ever.
    pub fn stall(&self) {
        self.line.send_replace(Line::Stalled);
    }

    /// Carries everything to the target, but from now on no answer on a connection whose client has said one of the words.
    pub fn lose_answers_to(&self, words: &'static [&'static str]) {
        self.line.send_replace(Line::LosesAnswersTo(words));
    }

    /// Carries again. Connections from before are lost, those that have lost an answer too.
    pub fn restore(&self) {
        self.line.send_replace(Line::Open);
    }
}

/// Carries one connection until either side closes it, or the line is no longer open; then it is reset, once no stall
/// holds it.
async fn carry(mut client: TcpStream, target: String, line: watch::Receiver<Line>) {
    let (mut watched, watched_too) = (line.clone(), line.clone());
    if carries(*watched.borrow_and_update())
        && let Ok(mut server) = TcpStream::connect(target).await
    {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let (muted, is_muted) = watch::channel(false);
        let there = talk(from_client, to_server, line, muted);
        let back = answer(from_server, to_client, is_muted.clone());
        let is_cut = async {
            let _ = watched.wait_for(|&line| !carries(line)).await;
        };
        let is_restored = async {
            let (mut line, mut is_muted) = (watched_too, is_muted);
            let _ = is_muted.wait_for(|&is_muted| is_muted).await;
            let _ = line.wait_for(|&line| line == Line::Open).await;
        };
        tokio::select! {
            _ = async { tokio::join!(there, back) } => return,
            () = is_restored => {}
            () = is_cut => {}
        }
    }
    let _ = watched.wait_for(|&line| line != Line::Stalled).await;
    let _ = client.set_zero_linger();
}

fn carries(line: Line) -> bool {
    matches!(line, Line::Open | Line::LosesAnswersTo(_))
}

/// Carries what the client says. Its words are looked for in each piece, as commands to the database come whole.
async fn talk(
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    line: watch::Receiver<Line>,
    muted: watch::Sender<bool>,
) -> io::Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = client.read(&mut piece).await?;
        if length == 0 {
            return server.shutdown().await;
        }
        let said = &piece[..length];
        let says = |word: &&str| said.windows(word.len()).any(|part| part == word.as_bytes());
        if let Line::LosesAnswersTo(words) = *line.borrow()
            && words.iter().any(says)
        {
            muted.send_replace(true);
        }
        server.write_all(said).await?;
    }
}

async fn answer(
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
