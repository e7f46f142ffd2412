//! Idempotency keys: how a request is recognised as a repeat.

/// The identity of a request that came with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Hash of the API key's name, the route and the idempotency key: stored under a unique index.
    pub scope: String,
    /// Hash of the parsed request: stored with it.
    pub request_hash: String,
}

impl Idempotency {
    /// Returns true if the earlier request, by its stored hash, was the same.
    #[must_use]
    pub fn matches(&self, request_hash: Option<&str>) -> bool {
        request_hash == Some(&self.request_hash)
    }
}
