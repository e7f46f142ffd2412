use std::io::{Error, ErrorKind};
use std::net::TcpListener;

use uuid::Uuid;

/// The lowest port that is chosen.
const FIRST: u16 = 10_000;
/// How many ports there are from it on. They end below those that systems give to connections, which are from 32768 on.
const COUNT: u16 = 20_000;
const TRIES: usize = 100;

/// A port of 127.0.0.1 that is free, for a server that starts soon. It is chosen at random among those that the system
/// gives to nobody of itself: a connection or another test is unlikely to take it meanwhile.
///
/// # Errors
///
/// When a hundred ports in turn are taken.
pub fn free_port() -> Result<u16, Error> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let at_random = || {
        let [high, low, ..] = *Uuid::new_v4().as_bytes();
        FIRST + u16::from_be_bytes([high, low]) % COUNT
    };
    let mut ports = std::iter::repeat_with(at_random).take(TRIES);
    let taken = || Error::new(ErrorKind::AddrInUse, "no port is free");
    ports.find(is_free).ok_or_else(taken)
}
