//! A Twilio Programmable Voice that plays calls on this machine.
//!
//! It speaks Twilio's REST API, fetches TwiML, executes it, sends signed callbacks and makes recordings, at any speed.
//! What happens to a call is told by the number that it goes to; what goes wrong is told by a fault plan.

pub mod clock;
pub mod data;
pub mod faults;
pub mod log;
pub mod model;
pub mod numbers;
pub mod overrides;
pub mod signature;
pub mod sim;
pub mod store;
pub mod twiml;
pub mod wav;
pub mod webhook;

mod call;
mod events;
mod inspect;
mod rest;
mod server;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::server::{Door, Line};
pub use crate::sim::Config;
use crate::sim::Sim;

/// A simulator that has its port.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    door: Door,
    sim: Arc<Sim>,
}

impl Simulator {
    /// Takes the port; connections wait until [`Simulator::run`].
    ///
    /// # Errors
    ///
    /// Where the address can't be listened on, TLS not be set up, or the file of an earlier run not be taken over.
    pub async fn bind(config: Config) -> io::Result<Self> {
        let listen = config.listen;
        let listener = match again(&config).await {
            Some(listener) => listener,
            None => TcpListener::bind(listen).await.map_err(|error| {
                io::Error::new(error.kind(), format!("can't listen on {listen}: {error}"))
            })?,
        };
        let door = Door(listener);
        let address = door.address()?;
        let sim = Sim::new(config, address)?;
        Ok(Self {
            address,
            door,
            sim: Arc::new(sim),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends or the future is dropped.
    ///
    /// # Errors
    ///
    /// Where the socket fails.
    pub async fn run(self) -> io::Result<()> {
        call::resume(&self.sim);
        let router: Router = inspect::router().fallback(rest::serve).with_state(self.sim);
        axum::serve(
            self.door,
            router.into_make_service_with_connect_info::<Line>(),
        )
        .await
    }
}

/// Listens where the earlier run of the same file did, so that the URLs that it told stay true. `None` if that isn't free any more,
/// or the port was chosen.
async fn again(config: &Config) -> Option<TcpListener> {
    let earlier = data::earlier_address(config.data.as_deref()?)?;
    let is_free_to_choose = config.listen.port() == 0 && config.listen.ip() == earlier.ip();
    if !is_free_to_choose {
        return None;
    }
    TcpListener::bind(earlier).await.ok()
}
