//! Explains the queries of all requests: which index they use, and how many keys and documents they examine.

use std::collections::BTreeSet;

use mongodb::bson::Document;
use outdial::domain::CallSid;
use serde_json::json;
use stack::Result;
use testkit::{ACCOUNT_SID, API_KEY, Request};
use uuid::Uuid;

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::fixture::Fixture;
use crate::in_process::InProcessFunctions;
use crate::query_plan::{self, QueryPlan};
use crate::routes::ROUTES;
use crate::seed_data::{PAGE, SeedData};

pub const FIRST_BY_CURSOR: &str = "GET /users/{id}/calls, first by cursor";
pub const DEEPEST_BY_CURSOR: &str = "GET /users/{id}/calls, deepest by cursor";

/// Why a target is missed with the embedded database.
const EMBEDDED: &str = "the embedded server reports COLLSCAN for a filter with a second field beside the indexed one. It reports SORT for the \
    order of its index, or of another index that begins with the same field. Set MONGO_URI to get MongoDB's plans and counts of examined keys";

/// Sends each request once, and has the database explain each query that it causes.
pub async fn explain(
    bench: &Bench,
    functions: &InProcessFunctions,
    seeded: &SeedData,
) -> Result<Finding> {
    let fixture = &bench.fixture;
    let with_counts = !fixture.is_embedded();
    let page = i64::try_from(PAGE)?;
    let mut table = Table::new(&["first request", "query", "stages", "keys", "documents"]);
    let mut explained = Vec::new();
    let mut targets = Vec::new();
    let mut known = BTreeSet::new();
    let routes = ROUTES.iter().map(|route| {
        let request = route.request(fixture, 0);
        (route.name, route.function, route.status, request)
    });
    let more = more_requests(fixture, seeded).into_iter();
    let lists = lists_of_calls(&fixture.user);
    for (name, function, status, request) in routes.chain(more).chain(lists) {
        functions.take_commands();
        functions.send(function, status, &request).await?;
        let commands = functions.take_commands();
        for query in commands
            .iter()
            .flat_map(|command| query_plan::queries(&command.sent))
        {
            let shape = query_plan::shape(&query);
            if !known.insert((shape.clone(), query.get("limit").map(ToString::to_string))) {
                continue;
            }
            let plan = QueryPlan::explain(seeded.stage.database(), &query, with_counts).await?;
            let most = query_plan::most(&query, page);
            let [keys, documents] = plan.examined.map_or([None; 2], |examined| {
                [examined.keys, examined.documents].map(Some)
            });
            let count = |count: Option<i64>| count.map_or("–".to_owned(), |n| n.to_string());
            table.line(
                name,
                [
                    shape.clone(),
                    plan.stages.join(" ← "),
                    count(keys),
                    count(documents),
                ],
            );
            explained.push(json!({
                "first_asked_by": name, "query": shape, "stages": plan.stages,
                "keys_examined": keys, "documents_examined": documents, "at_most": most,
            }));
            let of_query = query_targets(&query, &plan, most).into_iter();
            targets.extend(of_query.map(|target| {
                if with_counts {
                    target
                } else {
                    target.bound_by(EMBEDDED)
                }
            }));
        }
    }
    Ok(Finding {
        title: "Queries: how the database finds documents".to_owned(),
        table,
        data: explained.into(),
        targets,
    })
}

fn query_targets(query: &Document, plan: &QueryPlan, most: i64) -> Vec<Target> {
    let shape = query_plan::shape(query);
    #[expect(clippy::cast_precision_loss, reason = "a few stages, and counts")]
    let target = |what: String, at_most: i64, measured: i64| {
        Target::new(format!("{shape}: {what}"), at_most as f64, measured as f64)
    };
    let unindexed = plan.unindexed_stages();
    let stages = match &unindexed[..] {
        _ if plan.stages.is_empty() => target("the database reports no plan".to_owned(), 0, 1),
        [] => target("stages without an index".to_owned(), 0, 0),
        _ if plan.sorts_needlessly(query) => target(
            "stages without an index (SORT in the order of the index, which MongoDB wouldn't do)"
                .to_owned(),
            0,
            1,
        ),
        some => target(
            format!("stages without an index ({})", some.join(", ")),
            0,
            i64::try_from(some.len()).unwrap_or(i64::MAX),
        ),
    };
    let counts = plan.examined.into_iter().flat_map(|examined| {
        [
            target("keys".to_owned(), most, examined.keys),
            target("documents".to_owned(), most, examined.documents),
        ]
    });
    std::iter::once(stages).chain(counts).collect()
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
