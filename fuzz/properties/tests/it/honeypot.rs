//! A server that counts its connections. It replaces the database or Twilio, or is the target of a URL in a request.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::net::{TcpListener, TcpStream};

/// A server that counts its connections and never answers.
pub struct Honeypot {
    /// An HTTP URL of the server.
    pub url: String,
    clients: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Honeypot {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/honeypot", listener.local_addr().unwrap());
        let clients = Arc::<Mutex<Vec<_>>>::default();
        let accepted = clients.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((connection, client)) = listener.accept().await {
                open.push(connection);
                accepted.lock().unwrap().push(client);
            }
        });
        Self { url, clients }
    }

    /// Returns the server's `host:port`.
    pub fn host(&self) -> &str {
        self.url
            .trim_start_matches("http://")
            .trim_end_matches("/honeypot")
    }

    /// Returns the number of connections made before this call. The server accepts connections in order, so this makes
    /// one more, which does not count, and waits for it.
    pub async fn connections(&self) -> usize {
        let probe = TcpStream::connect(self.host()).await.unwrap();
        let probe = probe.local_addr().unwrap();
        loop {
            if let Some(before) = self.connections_before(probe) {
                return before;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Removes the probe from the list, and returns how many clients connected before it.
    fn connections_before(&self, probe: SocketAddr) -> Option<usize> {
        let mut clients = self.clients.lock().unwrap();
        let before = clients.iter().position(|client| *client == probe)?;
        clients.remove(before);
        Some(before)
    }

    /// Waits for the first connection.
    pub async fn connected(&self) {
        while self.clients.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn connections_are_counted() {
    let honeypot = Honeypot::start().await;
    for _ in 0..3 {
        TcpStream::connect(honeypot.host()).await.unwrap();
    }
    assert_eq!(honeypot.connections().await, 3);
}
