//! The URLs of webhooks: relative URLs, fragments and queries.

use form_urlencoded::Serializer;

/// Resolves `relative` against `base`. Returns `None` if the result is not an http or https URL.
#[must_use]
pub fn resolve(base: &str, relative: &str) -> Option<String> {
    let url = match url::Url::parse(relative) {
        Ok(_) => return relative.starts_with("http").then(|| relative.to_owned()),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            url::Url::parse(base).ok()?.join(relative).ok()?
        }
        Err(_) => return None,
    };
    matches!(url.scheme(), "http" | "https").then(|| url.to_string())
}

/// Removes the fragment.
pub(super) fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(url, _)| url)
}

/// Appends the parameters to the query.
pub(super) fn with_query(url: &str, params: &[(String, String)]) -> String {
    let query = Serializer::new(String::new()).extend_pairs(params).finish();
    let joint = if url.contains('?') { '&' } else { '?' };
    if query.is_empty() {
        url.to_owned()
    } else {
        format!("{url}{joint}{query}")
    }
}
