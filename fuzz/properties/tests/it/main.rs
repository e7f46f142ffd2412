//! Rules that every function follows for every request: which paths reach a handler, which headers a response has,
//! and when a function connects to a server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod honeypot;
mod path_tricks;
mod response_headers;
mod server_side_requests;
mod unauthenticated;

use routers::Routers;
use testkit::Stage;

/// Creates the functions that answer HTTP requests, on this stage.
fn functions_on(stage: &Stage) -> Routers {
    Routers::new(&stage.settings()).unwrap()
}
