//! Connections that the driver is opening: which of them have hung.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use mongodb::{
    event::{EventHandler, cmap::CmapEvent},
    options::ServerAddress,
};

/// A connection that takes longer to open has hung: a call gives up after two thirds of it.
const LONGEST: Duration = Duration::from_secs(6);

/// The connections that a client is opening.
///
/// The driver limits the time to connect, but not the time until the server has answered the handshake. A server that accepts a
/// connection and never answers holds a place in the pool for ever. The pool is small, so soon no call gets a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Handshakes {
    began: Arc<Mutex<HashMap<Connection, Instant>>>,
}

/// A connection of a pool. Its number counts the pool's connections, and each server has a pool.
type Connection = (ServerAddress, u32);

impl Handshakes {
    /// The observer of a client's pools.
    pub(super) fn observer(&self) -> EventHandler<CmapEvent> {
        let handshakes = self.clone();
        EventHandler::callback(move |event| handshakes.observe(event))
    }

    /// Returns true if a connection has hung while it was opened.
    pub(super) fn has_hung(&self) -> bool {
        self.began
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .any(|began| began.elapsed() >= LONGEST)
    }

    fn observe(&self, event: CmapEvent) {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            CmapEvent::ConnectionCreated(created) => {
                began.insert((created.address, created.connection_id), Instant::now());
            }
            CmapEvent::ConnectionReady(ready) => {
                began.remove(&(ready.address, ready.connection_id));
            }
            CmapEvent::ConnectionClosed(closed) => {
                began.remove(&(closed.address, closed.connection_id));
            }
            _ => {}
        }
    }
}
