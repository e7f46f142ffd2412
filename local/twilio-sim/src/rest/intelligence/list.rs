//! Pages of lists in the Intelligence API: the position is in `meta`, and URLs are absolute.

use serde_json::{Value, json};

use crate::rest::error::RestError;
use crate::rest::params::Params;
use crate::sim::Sim;

const DEFAULT_SIZE: usize = 50;

/// Builds the requested page of a list. `most` is the largest page size.
pub(super) fn page<T>(
    sim: &Sim,
    path: &str,
    key: &str,
    (query, most): (&Params, usize),
    items: impl Iterator<Item = T>,
    render: impl Fn(T) -> Value,
) -> Result<Value, RestError> {
    let number = |name: &str, default: usize| match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| RestError::bad(20001, format!("{name} is not valid: {text}"))),
    };
    let (size, page) = (number("PageSize", DEFAULT_SIZE)?, number("Page", 0)?);
    if !(1..=most).contains(&size) {
        let message = format!("PageSize must be between 1 and {most}");
        return Err(RestError::bad(20001, message));
    }
    let mut items = items.skip(page.saturating_mul(size));
    let shown: Vec<Value> = items.by_ref().take(size).map(render).collect();
    let url = |number: usize| {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        let filters = query.0.iter();
        encoded.extend_pairs(
            filters.filter(|(name, _)| !matches!(name.as_str(), "Page" | "PageSize" | "PageToken")),
        );
        encoded.append_pair("PageSize", &size.to_string());
        encoded.append_pair("Page", &number.to_string());
        format!("{}{path}?{}", sim.origin, encoded.finish())
    };
    Ok(json!({
        key: shown,
        "meta": {
            "key": key,
            "page": page,
            "page_size": size,
            "url": url(page),
            "first_page_url": url(0),
            "previous_page_url": page.checked_sub(1).map(&url),
            "next_page_url": items.next().map(|_| url(page + 1)),
        },
    }))
}
