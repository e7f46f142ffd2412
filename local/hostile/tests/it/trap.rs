use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::net::{TcpListener, TcpStream};

/// A server that counts its connections and never answers.
pub struct Trap {
    /// An HTTP URL of the server.
    pub url: String,
    visitors: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Trap {
    pub async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/trap", listener.local_addr().unwrap());
        let visitors = Arc::<Mutex<Vec<_>>>::default();
        let book = visitors.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((connection, visitor)) = listener.accept().await {
                open.push(connection);
                book.lock().unwrap().push(visitor);
            }
        });
        Self { url, visitors }
    }

    /// The server's `host:port`.
    pub fn host(&self) -> &str {
        self.url
            .trim_start_matches("http://")
            .trim_end_matches("/trap")
    }

    /// Returns how many connections came before this call. The server accepts them in order, so it makes one more, which
    /// does not count, and waits for that one.
    pub async fn sprung(&self) -> usize {
        let probe = TcpStream::connect(self.host()).await.unwrap();
        let probe = probe.local_addr().unwrap();
        loop {
            if let Some(before) = self.visits_before(probe) {
                return before;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Takes the probe out of the book, and returns how many came before it.
    fn visits_before(&self, probe: SocketAddr) -> Option<usize> {
        let mut visitors = self.visitors.lock().unwrap();
        let before = visitors.iter().position(|visitor| *visitor == probe)?;
        visitors.remove(before);
        Some(before)
    }

    /// Waits until there was a connection.
    pub async fn visited(&self) {
        while self.visitors.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_trap_counts_who_comes() {
    let trap = Trap::set().await;
    for _ in 0..3 {
        TcpStream::connect(trap.host()).await.unwrap();
    }
    assert_eq!(trap.sprung().await, 3);
}
