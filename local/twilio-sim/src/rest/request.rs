//! A REST request whose body has been read.

use http::{HeaderMap, Method};

use super::params::Params;

/// A REST request whose body has been read.
pub(super) struct RestRequest<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) form: Params,
    /// The number of a request to create a call.
    pub(super) dial: Option<u64>,
}
