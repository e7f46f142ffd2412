use std::hint::spin_loop;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// A TCP line whose answers come later than without it: one round trip takes so much longer. (Connecting does not: the
/// line's near end is on this machine.)
///
/// It has threads of its own, for the timer of an async runtime counts in whole milliseconds. It ends with the program.
pub struct Line {
    address: SocketAddr,
}

impl Line {
    /// To `target`, a `host:port`.
    pub fn to(target: &str, latency: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let target = target.to_owned();
        thread::spawn(move || {
            // Whoever connects in vain will find out.
            for near in listener.incoming().flatten() {
                let _ = carry(&near, &target, latency);
            }
        });
        Ok(Self { address })
    }

    /// Its near end.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Until either side closes.
fn carry(near: &TcpStream, target: &str, latency: Duration) -> std::io::Result<()> {
    let far = TcpStream::connect(target)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    copy(near.try_clone()?, far.try_clone()?, Duration::ZERO);
    copy(far, near.try_clone()?, latency);
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, latency: Duration) {
    let (late, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let at = Instant::now() + latency;
            if late.send((at, buffer[..length].to_vec())).is_err() {
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
        // It may be closed already.
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// How late the system may wake a thread that sleeps.
const WAKING: Duration = Duration::from_micros(300);

fn wait_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now() + WAKING));
    while Instant::now() < at {
        spin_loop();
    }
}
