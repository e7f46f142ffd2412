//! What grows with the number of calls, and whether an index leads to every document.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mongodb::bson::Document;
use outdial::domain::CallSid;
use serde_json::{Map, Value, json};
use testkit::{ACCOUNT_SID, Request};
use uuid::Uuid;

use super::Bench;
use super::finding::{Finding, Table, Target};
use super::grown::{Grown, PAGE, grow};
use super::observed::Observed;
use super::plan::{self, Plan};
use super::routes::{ROUTES, Route};
use super::scene::{Scene, variables};
use super::statistics::{median, ms};
use crate::Result;

/// How many calls.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// For the embedded database: filling the next size would take it about two minutes, and asking it as long again, for it
/// sorts a list in memory.
const EMBEDDED_SIZES: usize = 2;

/// How often each operation is timed, in turns.
const SAMPLES: usize = 60;
/// How much longer than the first page the deepest one may take.
const DEEP_RATIO: f64 = 1.2;

const FIRST_BY_CURSOR: &str = "GET /users/{id}/calls, first by cursor";
const DEEPEST_BY_CURSOR: &str = "GET /users/{id}/calls, deepest by cursor";

/// Fills databases, each with ten times the calls of the one before, and asks the same of all of them.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let embedded = bench.scene.is_embedded();
    let sizes = &SIZES[..if embedded {
        EMBEDDED_SIZES
    } else {
        SIZES.len()
    }];
    let mut rows: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut data = Map::new();
    let mut targets = Vec::new();
    for &size in sizes {
        let grown = grow(&bench.scene, size).await?;
        println!("      {size} calls stored in {:.1?}", grown.filled_in);
        let is_last = Some(&size) == sizes.last();
        let asked = ask(bench, &grown, is_last).await;
        grown.stage.database().drop().await?;
        let (timed, explained) = asked?;
        for (name, took) in &timed {
            rows.entry(name).or_default().push(*took);
        }
        let ratio = timed[DEEPEST_BY_CURSOR] / timed[FIRST_BY_CURSOR];
        targets.push(Target::new(
            format!("{size} calls: the deepest page by cursor, × the first"),
            DEEP_RATIO,
            ratio,
        ));
        data.insert(format!("{size}_calls_ms"), json!(timed));
        if let Some(explained) = explained {
            println!("\n{}\n{}", explained.title, explained.table);
            if embedded {
                println!("{EMBEDDED_EXPLAINS}");
            }
            data.insert("queries".to_owned(), explained.data);
            targets.extend(explained.targets);
        }
    }
    Ok(Finding {
        title: title(embedded),
        table: tabulate(sizes, &rows),
        data: Value::Object(data),
        targets,
    })
}

const EMBEDDED_EXPLAINS: &str = "The embedded database counts no keys, and sorts, or scans, where a MongoDB has no need to: set \
     MONGO_URI to be told by one.";

fn title(embedded: bool) -> String {
    let growth = format!("Growth: medians of {SAMPLES} requests, ms, by the number of calls");
    if embedded {
        let last = SIZES[EMBEDDED_SIZES - 1];
        format!(
            "{growth}. It ends at {last}: the embedded database, one process that sorts lists in memory, would take minutes for \
             the next size; set MONGO_URI for more"
        )
    } else {
        growth
    }
}

fn tabulate(sizes: &[usize], rows: &BTreeMap<&str, Vec<f64>>) -> Table {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    let mut head = vec!["request"];
    head.extend(sizes.iter().map(String::as_str));
    head.push("× the first");
    let mut table = Table::new(&head);
    for (name, took) in rows {
        let ratio = took.last().zip(took.first());
        let ratio = ratio.map_or(1.0, |(last, first)| last / first);
        let figures = took.iter().copied().chain([ratio]);
        table.line(*name, figures.map(|figure| format!("{figure:.2}")));
    }
    table
}

/// Times everything, and has the queries explained where that is wanted.
async fn ask(
    bench: &Bench,
    grown: &Grown,
    with_queries: bool,
) -> Result<(Medians, Option<Finding>)> {
    let observed = Observed::begin(variables(&grown.stage))?;
    let timed = time(bench, &observed, grown).await?;
    let explained = if with_queries {
        Some(explain(bench, &observed, grown).await?)
    } else {
        None
    };
    Ok((timed, explained))
}

/// By the names of the requests, in milliseconds.
type Medians = BTreeMap<&'static str, f64>;

async fn time(bench: &Bench, observed: &Observed, grown: &Grown) -> Result<Medians> {
    let user = &bench.scene.user;
    let of_list = |query: &str| Request::get(&format!("/users/{user}/calls{query}"));
    let pages = [
        (FIRST_BY_CURSOR, of_list(&grown.first)),
        (DEEPEST_BY_CURSOR, of_list(&grown.deepest)),
    ];
    let routes = [
        "GET /users",
        "GET /users/{id}/calls",
        "GET /calls",
        "GET /stats",
        "GET /calls/{id}",
        "POST /twilio/status",
        "POST /calls/outbound",
    ];
    let routes = || ROUTES.iter().filter(|route| routes.contains(&route.name));
    let mut samples: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    // The first turn makes the connections.
    for nth in 0..=SAMPLES {
        let asked = pages
            .iter()
            .map(|(name, request)| (*name, "users", 200, request.clone()));
        let asked = asked.chain(routes().map(|route| of_route(&bench.scene, route, nth)));
        for (name, function, status, request) in asked {
            let begun = Instant::now();
            observed.send(function, status, &request).await?;
            if nth > 0 {
                samples.entry(name).or_default().push(begun.elapsed());
            }
        }
    }
    observed.commands();
    let medians = samples.iter();
    Ok(medians
        .map(|(name, samples)| (*name, ms(median(samples))))
        .collect())
}

fn of_route(
    scene: &Scene,
    route: &Route,
    nth: usize,
) -> (&'static str, &'static str, u16, Request) {
    let request = route.request(scene, nth);
    (route.name, route.function, route.status, request)
}

/// Sends everything once that runs by id, by cursor or for a webhook, and has the database explain each query of that.
async fn explain(bench: &Bench, observed: &Observed, grown: &Grown) -> Result<Finding> {
    let scene = &bench.scene;
    let with_counts = !scene.is_embedded();
    let page = i64::try_from(PAGE)?;
    let mut table = Table::new(&["first asked by", "query", "stages", "keys", "documents"]);
    let mut explained = Vec::new();
    let mut targets = Vec::new();
    let mut known = std::collections::BTreeSet::new();
    let more = more_requests(scene, grown).into_iter();
    let more = more.chain(lists_of_calls(&scene.user));
    let all = ROUTES.iter().map(|route| of_route(scene, route, 0));
    for (name, function, status, request) in all.chain(more) {
        observed.commands();
        observed.send(function, status, &request).await?;
        let commands = observed.commands();
        for query in commands
            .iter()
            .flat_map(|command| plan::queries(&command.sent))
        {
            let shape = plan::shape(&query);
            if !known.insert((shape.clone(), query.get("limit").map(ToString::to_string))) {
                continue;
            }
            let told = Plan::of(grown.stage.database(), &query, with_counts).await?;
            let most = plan::most(&query, page);
            let [keys, documents] = told.examined.map_or([None; 2], |examined| {
                [examined.keys, examined.documents].map(Some)
            });
            let count = |count: Option<i64>| count.map_or("–".to_owned(), |n| n.to_string());
            table.line(
                name,
                [
                    shape.clone(),
                    told.stages.join(" ← "),
                    count(keys),
                    count(documents),
                ],
            );
            explained.push(json!({
                "first_asked_by": name, "query": shape, "stages": told.stages,
                "keys_examined": keys, "documents_examined": documents, "at_most": most,
            }));
            let of_query = targets_of(&query, &told, most).into_iter();
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
        title: "Queries: how the database finds what is asked for".to_owned(),
        table,
        data: explained.into(),
        targets,
    })
}

/// What the embedded server tells of a query is not what a `MongoDB` would do.
const EMBEDDED: &str = "the embedded server, which tells COLLSCAN of a filter that has a second field beside the indexed one, and SORT of the \
    order that its index has, or another index that begins with the same field; with MONGO_URI a MongoDB is asked, and the keys that it examines are counted too";

fn targets_of(query: &Document, plan: &Plan, most: i64) -> Vec<Target> {
    let shape = plan::shape(query);
    #[expect(clippy::cast_precision_loss, reason = "a few stages, and counts")]
    let target = |what: String, at_most: i64, measured: i64| {
        Target::new(format!("{shape}: {what}"), at_most as f64, measured as f64)
    };
    let foreign = plan.foreign();
    let stages = match &foreign[..] {
        _ if plan.stages.is_empty() => target("no plan is told".to_owned(), 0, 1),
        [] => target("stages without an index".to_owned(), 0, 0),
        _ if plan.sorts_in_vain(query) => target(
            "stages without an index (SORT of what the index has in that order, which a MongoDB does not do)".to_owned(),
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

type Asked = (&'static str, &'static str, u16, Request);

/// Beside the routes that are timed.
fn more_requests(scene: &Scene, grown: &Grown) -> Vec<Asked> {
    let user = &scene.user;
    let calls = |query: &str| Request::get(&format!("/users/{user}/calls{query}"));
    let with_key =
        |request: Request| request.header("idempotency-key", &Uuid::new_v4().simple().to_string());
    let email = format!("{}@example.com", Uuid::new_v4().simple());
    let ada = json!({ "name": "Ada", "email": email, "phone_number": "+12125550123" });
    let number = json!({ "phone_number": "+12125550199" });
    let hangup = format!("/calls/{}/hangup", grown.dialling);
    let sid = scene.calls[0].twilio_sid.as_ref().map(CallSid::as_str);
    let by_sid = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid.unwrap_or_default()),
        ("CallStatus", "ringing"),
        ("SequenceNumber", "1"),
    ];
    vec![
        (FIRST_BY_CURSOR, "users", 200, calls(&grown.first)),
        (DEEPEST_BY_CURSOR, "users", 200, calls(&grown.deepest)),
        (
            "GET /users/{id}/calls?status, deepest by cursor",
            "users",
            200,
            calls(&grown.deepest_completed),
        ),
        (
            "GET /users, deepest by cursor",
            "users",
            200,
            Request::get(&format!("/users{}", grown.deepest_users)),
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
            Request::new("DELETE", &format!("/users/{user}")).with_key(testkit::API_KEY),
        ),
        (
            "POST /calls/{id}/hangup",
            "outbound-calls",
            202,
            Request::new("POST", &hangup).with_key(testkit::API_KEY),
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
            Request::new("DELETE", "/blocked-numbers/+12125550199").with_key(testkit::API_KEY),
        ),
    ]
}

/// Everybody's calls, by each filter but the empty one.
fn lists_of_calls(user: &str) -> Vec<Asked> {
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
