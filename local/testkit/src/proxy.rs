use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A TCP proxy whose line a test can cut, hold up and restore. It ends with the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
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

    /// Carries again. Connections from before are lost.
    pub fn restore(&self) {
        self.line.send_replace(Line::Open);
    }
}

/// Carries one connection until either side closes it, or the line is no longer open; then it is reset, once no stall
/// holds it.
async fn carry(mut client: TcpStream, target: String, mut line: watch::Receiver<Line>) {
    if *line.borrow_and_update() == Line::Open
        && let Ok(mut server) = TcpStream::connect(target).await
    {
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = line.changed() => {}
        }
    }
    let _ = line.wait_for(|&line| line != Line::Stalled).await;
    let _ = client.set_zero_linger();
}
