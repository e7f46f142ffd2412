//! The user whom a batch is for.

use reqwest::Method;
use serde::Deserialize;

use crate::batch::api::Api;
use crate::batch::refusal::advised;
use crate::error::Result;

const ADVICE: &str = "pass --user with the id of the user whom the calls are for";

/// A page of the API's list.
#[derive(Deserialize)]
struct Page {
    users: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

/// Returns the id of the user whom the command line names or, without one, of the service's only user.
///
/// # Errors
///
/// If there are none or several, the key may not read users, or the service does not respond.
pub async fn choose(api: &Api, named: Option<&str>) -> Result<String> {
    if let Some(id) = named {
        return Ok(id.to_owned());
    }
    // A second one is enough to know that there are several.
    let request = api.request(Method::GET, "/users?page_size=2");
    let page: Page = api
        .json(request)
        .await
        .map_err(|error| advised(&error, ADVICE))?;
    let mut users = page.users.into_iter();
    match (users.next(), users.next()) {
        (Some(User { id }), None) => Ok(id),
        (None, _) => Err(
            "the service has no user: create one with POST /users, and pass its id as --user"
                .into(),
        ),
        _ => Err(format!("the service has several users: {ADVICE}").into()),
    }
}
