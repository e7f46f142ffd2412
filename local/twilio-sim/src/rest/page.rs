//! Pages of lists, newest first.

use serde_json::{Map, Value};

use super::error::RestError;
use super::params::Params;

const DEFAULT_SIZE: u64 = 50;
const MAX_SIZE: u64 = 1_000;

/// The requested page of a list.
#[derive(Debug)]
pub(super) struct Page {
    size: u64,
    number: u64,
    /// The SID of the page's first item. Deleting the items of earlier pages doesn't move it.
    from: Option<String>,
}

impl Page {
    /// Parses `PageSize`, `Page` and `PageToken`.
    ///
    /// # Errors
    ///
    /// 20001 for an invalid number, 20007 for a page size that is too large.
    pub(super) fn from_query(query: &Params) -> Result<Self, RestError> {
        let number = |name: &str, default: u64| match query.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| RestError::bad(20001, format!("{name} is not valid: {text}"))),
        };
        let (size, page) = (number("PageSize", DEFAULT_SIZE)?, number("Page", 0)?);
        match size {
            0 => Err(RestError::bad(20001, "PageSize must be 1 or more")),
            1..=MAX_SIZE => {
                let from = query
                    .get("PageToken")
                    .map(|token| token.strip_prefix("PA").unwrap_or(token).to_owned());
                Ok(Self {
                    size,
                    number: page,
                    from,
                })
            }
            _ => Err(RestError::bad(
                20007,
                format!("Page size too large: {size} is more than {MAX_SIZE}"),
            )),
        }
    }

    /// Builds the page's document. `items` are all matching items with their SIDs; only those of the page are rendered.
    pub(super) fn document<'a, T: 'a>(
        &self,
        path: &str,
        query: &Params,
        key: &str,
        items: impl Iterator<Item = (&'a str, T)>,
        render: impl Fn(T) -> Value,
    ) -> Value {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let start = self.number.saturating_mul(self.size);
        let mut items: Box<dyn Iterator<Item = (&'a str, T)>> = match &self.from {
            Some(sid) => Box::new(items.skip_while(move |(own, _)| own != sid)),
            None => Box::new(items.skip(usize::try_from(start).unwrap_or(usize::MAX))),
        };
        let shown: Vec<Value> = items
            .by_ref()
            .take(size)
            .map(|(_, item)| render(item))
            .collect();
        let following = items.next().map(|(sid, _)| sid.to_owned());
        let uri = |number: u64, token: Option<String>| self.uri(path, query, number, token);
        let end = start + (shown.len() as u64).saturating_sub(1);
        let mut document = Map::new();
        document.insert(key.to_owned(), shown.into());
        document.insert("page".to_owned(), self.number.into());
        document.insert("page_size".to_owned(), self.size.into());
        document.insert("start".to_owned(), start.into());
        document.insert("end".to_owned(), end.into());
        document.insert("uri".to_owned(), uri(self.number, self.from.clone()).into());
        document.insert("first_page_uri".to_owned(), uri(0, None).into());
        let next = following.map(|sid| uri(self.number + 1, Some(sid)));
        document.insert("next_page_uri".to_owned(), next.into());
        let previous = self.number.checked_sub(1).map(|number| uri(number, None));
        document.insert("previous_page_uri".to_owned(), previous.into());
        document.into()
    }

    fn uri(&self, path: &str, query: &Params, number: u64, from: Option<String>) -> String {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        let filters = query
            .0
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "Page" | "PageSize" | "PageToken"));
        encoded.extend_pairs(filters);
        encoded
            .append_pair("PageSize", &self.size.to_string())
            .append_pair("Page", &number.to_string());
        if let Some(sid) = from {
            encoded.append_pair("PageToken", &format!("PA{sid}"));
        }
        format!("{path}?{}", encoded.finish())
    }
}
