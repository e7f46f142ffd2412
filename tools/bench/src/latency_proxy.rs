//! A TCP proxy that delays responses, to measure functions with a distant database.

use std::hint::spin_loop;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use stack::Result;

/// A TCP proxy that adds a latency to each round trip, except to connecting.
///
/// It uses threads, because the timer of an async runtime has a resolution of a millisecond. It ends with the program.
pub struct LatencyProxy {
    address: SocketAddr,
}

impl LatencyProxy {
    /// Starts a proxy to `target`, a `host:port`.
    pub fn to(target: &str, latency: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let target = target.to_owned();
        thread::spawn(move || {
            // If the target refuses the connection, the client's connection is closed.
            for client in listener.incoming().flatten() {
                let _ = forward(&client, &target, latency);
            }
        });
        Ok(Self { address })
    }

    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Forwards a connection in both directions, until either side closes it.
fn forward(client: &TcpStream, target: &str, latency: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy(client.try_clone()?, server.try_clone()?, Duration::ZERO);
    copy(server, client.try_clone()?, latency);
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, latency: Duration) {
    let (delayed, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let at = Instant::now() + latency;
            if delayed.send((at, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (at, bytes) in due {
            wait_until(at);
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The connection may be closed already.
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// The latest that the system wakes a sleeping thread.
const WAKING: Duration = Duration::from_micros(300);

fn wait_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now() + WAKING));
    while Instant::now() < at {
        spin_loop();
    }
}
