//! Explains the queries of all requests: which index they use, and how many keys and documents they examine.

use outdial::domain::CallSid;
use serde_json::json;
use stack::Result;
use testkit::{ACCOUNT_SID, API_KEY, Request};
use uuid::Uuid;

use crate::bench::Bench;
use crate::explained::Explained;
use crate::finding::Finding;
use crate::fixture::Fixture;
use crate::in_process::InProcessFunctions;
use crate::routes::ROUTES;
use crate::seed_data::{PAGE, SeedData};

pub const FIRST_BY_CURSOR: &str = "GET /users/{id}/calls, first by cursor";
pub const DEEPEST_BY_CURSOR: &str = "GET /users/{id}/calls, deepest by cursor";

/// Sends each request once, and has the database explain each query that it causes.
pub async fn explain(
    bench: &Bench,
    functions: &InProcessFunctions,
    seeded: &SeedData,
) -> Result<Finding> {
    let fixture = &bench.fixture;
    let with_counts = !fixture.is_embedded();
    let mut plans = Explained::new(seeded.stage.database(), with_counts, i64::try_from(PAGE)?);
    let routes = ROUTES.iter().map(|route| {
        let request = route.request(fixture, 0);
        (route.name, route.function, route.status, request)
    });
    let more = more_requests(fixture, seeded).into_iter();
    let lists = lists_of_calls(&fixture.user);
    for (name, function, status, request) in routes.chain(more).chain(lists) {
        functions.take_commands();
        functions.send(function, status, &request).await?;
        for command in functions.take_commands() {
            plans.add(name, &command.sent).await?;
        }
    }
    Ok(plans.finding("Queries: how the database finds documents"))
}

/// A request with its name, its function and the expected status.
type NamedRequest = (&'static str, &'static str, u16, Request);

/// Returns requests whose queries the timed routes don't have.
fn more_requests(fixture: &Fixture, seeded: &SeedData) -> Vec<NamedRequest> {
    let user = &fixture.user;
    let calls = |query: &str| Request::get(&format!("/users/{user}/calls{query}"));
    let with_key =
        |request: Request| request.header("idempotency-key", &Uuid::new_v4().simple().to_string());
    let email = format!("{}@example.com", Uuid::new_v4().simple());
    let ada = json!({ "name": "Ada", "email": email, "phone_number": "+12125550123" });
    let number = json!({ "phone_number": "+12125550199" });
    let hangup = format!("/calls/{}/hangup", seeded.dialling);
    let sid = fixture.calls[0].twilio_sid.as_ref().map(CallSid::as_str);
    let by_sid = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid.unwrap_or_default()),
        ("CallStatus", "ringing"),
        ("SequenceNumber", "1"),
    ];
    vec![
        (FIRST_BY_CURSOR, "users", 200, calls(&seeded.first_page)),
        (DEEPEST_BY_CURSOR, "users", 200, calls(&seeded.deepest_page)),
        (
            "GET /users/{id}/calls?status, deepest by cursor",
            "users",
            200,
            calls(&seeded.deepest_completed),
        ),
        (
            "GET /users, deepest by cursor",
            "users",
            200,
            Request::get(&format!("/users{}", seeded.deepest_users)),
        ),
        (
            "GET /users?email",
            "users",
            200,
            Request::get("/users?email=ada@example.com"),
        ),
        (
            "POST /users, with a key",
            "users",
            201,
            with_key(Request::post("/users", &ada)),
        ),
        (
            "DELETE /users/{id}",
            "users",
            409,
            Request::new("DELETE", &format!("/users/{user}")).with_key(API_KEY),
        ),
        (
            "POST /calls/{id}/hangup",
            "outbound-calls",
            202,
            Request::new("POST", &hangup).with_key(API_KEY),
        ),
        (
            "POST /twilio/status, by CallSid",
            "status",
            200,
            Request::webhook("/twilio/status", &by_sid),
        ),
        (
            "POST /blocked-numbers",
            "outbound-calls",
            201,
            Request::post("/blocked-numbers", &number),
        ),
        (
            "GET /blocked-numbers/{number}",
            "outbound-calls",
            200,
            Request::get("/blocked-numbers/+12125550199"),
        ),
        (
            "DELETE /blocked-numbers/{number}",
            "outbound-calls",
            204,
            Request::new("DELETE", "/blocked-numbers/+12125550199").with_key(API_KEY),
        ),
    ]
}

/// Returns requests for lists of calls with each combination of filters.
fn lists_of_calls(user: &str) -> Vec<NamedRequest> {
    let time = "from=2026-01-01T00:00:00Z&to=9999-01-01T00:00:00Z";
    let user = format!("user_id={user}");
    let status = "status=completed";
    let number = "to_number=%2B12125550123";
    let lists = [
        ("GET /calls?from&to", time.to_owned()),
        ("GET /calls?status", status.to_owned()),
        ("GET /calls?status&from&to", format!("{status}&{time}")),
        ("GET /calls?user_id&from&to", format!("{user}&{time}")),
        (
            "GET /calls?user_id&status&from&to",
            format!("{user}&{status}&{time}"),
        ),
        ("GET /calls?to_number", number.to_owned()),
        (
            "GET /calls?to_number&status&from&to",
            format!("{number}&{status}&{time}"),
        ),
    ];
    let lists = lists.into_iter();
    lists
        .map(|(name, query)| {
            let request = Request::get(&format!("/calls?{query}"));
            (name, "outbound-calls", 200, request)
        })
        .collect()
}
