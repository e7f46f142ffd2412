//! `/users` from outside: Lambda events in, answers out, on a real database.

mod bodies;
mod callers;
mod calls;
mod change;
mod create;
mod document;
mod init;
mod list;
mod outage;
mod routes;
mod support;
