//! Chooses a free port.

use std::io::{Error, ErrorKind};
use std::net::TcpListener;

use uuid::Uuid;

/// The lowest port to choose from.
const FIRST: u16 = 10_000;
/// The number of ports to choose from. All are below 32768, where systems start to assign ports to connections.
const COUNT: u16 = 20_000;
const TRIES: usize = 100;

/// Returns a free port of 127.0.0.1 for a server that starts soon.
///
/// It is a random one of those that the system never assigns itself, so another program is unlikely to take it first.
///
/// # Errors
///
/// When 100 random ports are taken.
pub fn free_port() -> Result<u16, Error> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let at_random = || {
        let [high, low, ..] = *Uuid::new_v4().as_bytes();
        FIRST + u16::from_be_bytes([high, low]) % COUNT
    };
    let mut ports = std::iter::repeat_with(at_random).take(TRIES);
    let taken = || {
        Error::new(
            ErrorKind::AddrInUse,
            "100 random ports of 127.0.0.1 are taken",
        )
    };
    ports.find(is_free).ok_or_else(taken)
}
