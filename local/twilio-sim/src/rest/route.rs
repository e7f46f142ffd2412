//! Which resource a path names.

use http::Method;

use crate::faults::RestOperation;

/// A resource of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Account,
    /// Those that it owns.
    Numbers,
    /// Those of others that it may call from.
    CallerIds,
    Calls,
    Call(String),
    Events(String),
    /// A call's recordings, or the account's.
    Recordings(Option<String>),
    Recording(Option<String>, String),
    /// A recording's audio; the extension may be empty.
    Media(Option<String>, String, String),
}

/// The account that a path names, and the resource in it.
pub(super) fn parse(path: &str) -> Option<(String, Route)> {
    let segments: Vec<&str> = path
        .strip_prefix("/2010-04-01/Accounts/")?
        .split('/')
        .collect();
    let (account, rest) = segments.split_first()?;
    let route = match rest {
        [] => return Some((account.strip_suffix(".json")?.to_owned(), Route::Account)),
        ["IncomingPhoneNumbers.json"] => Route::Numbers,
        ["OutgoingCallerIds.json"] => Route::CallerIds,
        ["Calls.json"] => Route::Calls,
        ["Calls", file] => Route::Call(file.strip_suffix(".json")?.to_owned()),
        ["Calls", call, "Events.json"] => Route::Events((*call).to_owned()),
        ["Calls", call, "Recordings.json"] => Route::Recordings(Some((*call).to_owned())),
        ["Calls", call, "Recordings", file] => recording(Some((*call).to_owned()), file),
        ["Recordings.json"] => Route::Recordings(None),
        ["Recordings", file] => recording(None, file),
        _ => return None,
    };
    Some(((*account).to_owned(), route))
}

fn recording(call: Option<String>, file: &str) -> Route {
    let (sid, extension) = file.split_once('.').unwrap_or((file, ""));
    match extension {
        "json" => Route::Recording(call, sid.to_owned()),
        extension => Route::Media(call, sid.to_owned(), extension.to_owned()),
    }
}

impl Route {
    /// What a request to it is, for the fault plan.
    pub(super) fn operation(&self, method: &Method) -> RestOperation {
        match (self, method) {
            (Self::Account | Self::Numbers | Self::CallerIds, _) => RestOperation::Account,
            (Self::Calls, &Method::POST) => RestOperation::Create,
            (Self::Calls, _) => RestOperation::List,
            (Self::Call(_), &Method::POST) => RestOperation::Update,
            (Self::Call(_) | Self::Recording(..) | Self::Media(..), &Method::DELETE) => {
                RestOperation::Delete
            }
            (Self::Call(_), _) => RestOperation::Fetch,
            (Self::Events(_), _) => RestOperation::Events,
            (Self::Recordings(_) | Self::Recording(..), _) => RestOperation::Recordings,
            (Self::Media(..), _) => RestOperation::Media,
        }
    }
}
