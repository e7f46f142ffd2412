use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::Result;

/// A TCP line whose answers come later than without it: one round trip takes so much longer. (Connecting does not: the
/// line's near end is on this machine.)
pub struct Line {
    address: SocketAddr,
}

impl Line {
    /// To `target`, a `host:port`.
    pub async fn to(target: &str, latency: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let target = target.to_owned();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let target = target.clone();
                tokio::spawn(async move { carry(near, &target, latency).await });
            }
        });
        Ok(Self { address })
    }

    /// Its near end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn carry(near: TcpStream, target: &str, latency: Duration) -> std::io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (from_near, to_near) = near.into_split();
    let (from_far, to_far) = far.into_split();
    tokio::join!(
        copy(from_near, to_far, Duration::ZERO),
        copy(from_far, to_near, latency)
    );
    Ok(())
}

/// Until either side closes.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, latency: Duration) {
    let (late, mut due) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let at = Instant::now() + latency;
            if late.send((at, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((at, bytes)) = due.recv().await {
            if !latency.is_zero() {
                sleep_until(at).await;
            }
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(read, write);
}
