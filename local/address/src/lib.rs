//! Addresses of servers on this machine: a free port, and a MongoDB URI whose server can be replaced by a proxy.

mod port;
mod server_uri;

pub use port::free_port;
pub use server_uri::ServerUri;
