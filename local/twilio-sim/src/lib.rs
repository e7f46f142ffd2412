//! A simulator of Twilio Programmable Voice.
//!
//! It serves Twilio's REST API, fetches and executes TwiML, sends signed webhooks and makes recordings, at any speed.
//! The called number decides how a call goes; a fault plan decides what fails. Each request to create a call is recorded with
//! the moment of its arrival and the local time of the called party.

pub mod answerer;
pub mod callee;
pub mod clock;
pub mod config;
pub mod data_file;
pub mod dial_queue;
pub mod dials;
pub mod faults;
pub mod intelligence;
pub mod log;
pub mod model;
pub mod number_zones;
pub mod phone_number;
pub mod presses;
pub mod scripted;
pub mod sim;
pub mod store;
pub mod transcripts;
pub mod twiml;
pub mod wav;
pub mod webhook;

mod call;
mod call_events;
mod inspection;
mod listener;
mod rest;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

pub use crate::config::Config;
use crate::listener::{ConnectionHandle, ResettableListener};
use crate::sim::Sim;

/// A simulator that listens but doesn't serve yet.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    listener: ResettableListener,
    sim: Arc<Sim>,
}

impl Simulator {
    /// Opens the port. Connections wait until [`Simulator::run`].
    ///
    /// # Errors
    ///
    /// If the port can't be opened, TLS can't be set up, or the data file can't be read and rewritten.
    pub async fn bind(config: Config) -> io::Result<Self> {
        let listen = config.listen;
        let listener = match bind_earlier_address(&config).await {
            Some(listener) => listener,
            None => TcpListener::bind(listen).await.map_err(|error| {
                io::Error::new(error.kind(), format!("can't listen on {listen}: {error}"))
            })?,
        };
        let address = listener.local_addr()?;
        let sim = Sim::new(config, address)?;
        Ok(Self {
            address,
            listener: ResettableListener::new(listener, address, sim.faults.outage()),
            sim: Arc::new(sim),
        })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the process ends or the future is dropped.
    ///
    /// # Errors
    ///
    /// If the socket fails.
    pub async fn run(self) -> io::Result<()> {
        call::resume(&self.sim);
        intelligence::resume(&self.sim);
        let router: Router = inspection::router()
            .fallback(rest::serve)
            .with_state(self.sim);
        axum::serve(
            self.listener,
            router.into_make_service_with_connect_info::<ConnectionHandle>(),
        )
        .await
    }
}

/// Listens on the address of the run that wrote the data file, so that the URLs of its recordings stay valid.
///
/// Returns `None` if the configuration names a port, or the earlier port is taken.
async fn bind_earlier_address(config: &Config) -> Option<TcpListener> {
    let earlier = data_file::earlier_address(config.data.as_deref()?)?;
    let is_port_free_to_choose = config.listen.port() == 0 && config.listen.ip() == earlier.ip();
    if !is_port_free_to_choose {
        return None;
    }
    TcpListener::bind(earlier).await.ok()
}
