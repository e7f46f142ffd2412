//! From a path to a resource.

use http::Method;

use crate::faults::RestOperation;

/// A resource of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Account,
    /// The account's own numbers.
    PhoneNumbers,
    PhoneNumber(String),
    /// Verified numbers of other owners.
    CallerIds,
    Calls,
    Call(String),
    Events(String),
    /// The notifications about a call or, with `None`, about all calls.
    Notifications(Option<String>),
    Notification(Option<String>, String),
    /// The recordings of a call or, with `None`, of the account.
    Recordings(Option<String>),
    Recording(Option<String>, String),
    /// A recording's audio with a file extension, which may be empty.
    Media(Option<String>, String, String),
}

/// Parses a path into the account SID and the resource. Returns `None` for an unknown resource.
pub(super) fn parse(path: &str) -> Option<(String, Route)> {
    let segments: Vec<&str> = path
        .strip_prefix("/2010-04-01/Accounts/")?
        .split('/')
        .collect();
    let (account, rest) = segments.split_first()?;
    let route = match rest {
        [] => return Some((account.strip_suffix(".json")?.to_owned(), Route::Account)),
        ["IncomingPhoneNumbers.json"] => Route::PhoneNumbers,
        ["IncomingPhoneNumbers", file] => {
            Route::PhoneNumber(file.strip_suffix(".json")?.to_owned())
        }
        ["OutgoingCallerIds.json"] => Route::CallerIds,
        ["Calls.json"] => Route::Calls,
        ["Calls", file] => Route::Call(file.strip_suffix(".json")?.to_owned()),
        ["Calls", call, "Events.json"] => Route::Events((*call).to_owned()),
        ["Calls", call, "Recordings.json"] => Route::Recordings(Some((*call).to_owned())),
        ["Calls", call, "Recordings", file] => recording(Some((*call).to_owned()), file),
        ["Calls", call, "Notifications.json"] => Route::Notifications(Some((*call).to_owned())),
        ["Calls", call, "Notifications", file] => {
            let sid = file.strip_suffix(".json")?.to_owned();
            Route::Notification(Some((*call).to_owned()), sid)
        }
        ["Notifications.json"] => Route::Notifications(None),
        ["Notifications", file] => {
            Route::Notification(None, file.strip_suffix(".json")?.to_owned())
        }
        ["Recordings.json"] => Route::Recordings(None),
        ["Recordings", file] => recording(None, file),
        _ => return None,
    };
    Some(((*account).to_owned(), route))
}

fn recording(call: Option<String>, file: &str) -> Route {
    // `Twilio.CURRENT` is a SID too.
    let (sid, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    match extension {
        "json" => Route::Recording(call, sid.to_owned()),
        extension => Route::Media(call, sid.to_owned(), extension.to_owned()),
    }
}

impl Route {
    /// Returns the operation that the fault plan uses for a request to this resource.
    pub(super) fn operation(&self, method: &Method) -> RestOperation {
        match (self, method) {
            (Self::Account | Self::PhoneNumbers | Self::PhoneNumber(_) | Self::CallerIds, _) => {
                RestOperation::Account
            }
            (Self::Calls, &Method::POST) => RestOperation::Create,
            (Self::Calls, _) => RestOperation::List,
            (Self::Call(_), &Method::POST) => RestOperation::Update,
            (Self::Call(_) | Self::Recording(..) | Self::Media(..), &Method::DELETE) => {
                RestOperation::Delete
            }
            (Self::Call(_), _) => RestOperation::Fetch,
            (Self::Events(_) | Self::Notifications(_) | Self::Notification(..), _) => {
                RestOperation::Events
            }
            (Self::Recordings(_) | Self::Recording(..), _) => RestOperation::Recordings,
            (Self::Media(..), _) => RestOperation::Media,
        }
    }
}
