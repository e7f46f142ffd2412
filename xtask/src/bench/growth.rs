//! What grows with the number of calls, and whether an index leads to every document.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use outdial::dao::{Cursor, List};
use outdial::domain::{
    Call, CallEvent, CallId, CallSid, CallStatus, DialOutcome, EventSource, Recording,
    RecordingSid, User, UserId,
};
use serde_json::{Map, Value, json};
use testkit::{ACCOUNT_SID, Request, Stage, new_call};
use uuid::Uuid;

use super::Bench;
use super::finding::{Finding, Table, Target};
use super::observed::Observed;
use super::plan::{self, Plan};
use super::routes::{ROUTES, Route};
use super::scene::Scene;
use super::statistics::{median, ms};
use crate::Result;

/// How many calls.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// For the embedded database, which fills the next size in many minutes.
const EMBEDDED_SIZES: usize = 2;

/// Documents that are stored at once.
const BATCH: usize = 1_000;
/// One call in so many is the scene's user's, who calls the most.
const BUSY: usize = 10;
/// One call in so many was recorded.
const RECORDED: usize = 4;
/// How many calls the other users have, and the fewest such users.
const CALLS_OF_OTHERS: usize = 100;
const FEWEST_OTHERS: usize = 100;

/// What a page has where nothing else is asked for.
const PAGE: usize = 20;
/// How often each operation is timed, in turns.
const SAMPLES: usize = 60;
/// How much longer than the first page the deepest one may take.
const DEEP_RATIO: f64 = 1.2;

const FIRST_BY_CURSOR: &str = "GET /users/{id}/calls, first by cursor";
const DEEPEST_BY_CURSOR: &str = "GET /users/{id}/calls, deepest by cursor";

/// A stage with so many calls.
struct Grown {
    stage: Stage,
    /// Of the scene's user, by age: the query of the first page and that of the last whole one.
    first: String,
    deepest: String,
    /// The same, of the calls that ended well.
    deepest_completed: String,
    deepest_users: String,
    /// A call whose name at Twilio nobody has told yet.
    dialling: CallId,
    filled_in: Duration,
}

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
            "{growth}. It ends at {last}: the embedded database, one process, would take many minutes to fill the next; set \
             MONGO_URI for more"
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
    let observed = Observed::begin(variables(&grown.stage)).await?;
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
    let more = more_requests(scene, grown);
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
            targets.extend(targets_of(&query, &told, most));
        }
    }
    Ok(Finding {
        title: "Queries: how the database finds what is asked for".to_owned(),
        table,
        data: explained.into(),
        targets,
    })
}

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

fn variables(stage: &Stage) -> Vec<(String, String)> {
    let variables = stage.variables();
    variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A new database with the scene's documents, and more of their kind.
async fn grow(scene: &Scene, size: usize) -> Result<Grown> {
    let begun = Instant::now();
    let stage = Stage::at(&scene.database.uri).await;
    let database = stage.database();
    let others = (size / CALLS_OF_OTHERS).max(FEWEST_OTHERS);
    let users = users(scene, others).await?;
    let now = DateTime::now();
    let stored_users = database.collection::<User>("users");
    for batch in users.chunks(BATCH) {
        stored_users.insert_many(batch).await?;
    }
    let calls = database.collection::<Call>("calls");
    let recordings = database.collection::<Recording>("recordings");
    calls.insert_many(&scene.calls).await?;
    recordings.insert_many(&scene.recordings).await?;
    let dialling = Call {
        twilio_sid: None,
        dial_outcome: Some(DialOutcome::Pending),
        ..new_call()
    };
    calls.insert_one(&dialling).await?;

    let more = size.saturating_sub(scene.calls.len());
    let mut ends = Vec::new();
    for begin in (0..more).step_by(BATCH) {
        let mut batch = Vec::with_capacity(BATCH);
        for nth in begin..more.min(begin + BATCH) {
            let is_busy = nth % BUSY == 0;
            let user = &users[if is_busy { 0 } else { 1 + nth % others }];
            // The oldest first, one each minute.
            let call = old_call(user, minutes_before(now, more - nth)?);
            if is_busy && ends.len() < PAGE + 2 {
                ends.push(Cursor::new(call.created_at, call.id));
            }
            batch.push(call);
        }
        let recorded = batch.iter().step_by(RECORDED);
        let recorded = recorded.map(|call| recording_of(&scene.recordings[0], call));
        recordings
            .insert_many(recorded.collect::<Result<Vec<_>>>()?)
            .await?;
        calls.insert_many(&batch).await?;
    }

    let id: UserId = scene.user.parse()?;
    // Behind it lie a page, and one more.
    let deepest = ends.pop().ok_or("too few calls")?;
    let oldest_users = &users[users.len() - PAGE - 2];
    let of_users = Cursor::new(oldest_users.created_at, oldest_users.id);
    let newest = Cursor::new(
        now.saturating_add_duration(Duration::from_hours(1)),
        ObjectId::from_bytes([0xff; 12]),
    );
    let list = List::UserCalls(id, None);
    let completed = List::UserCalls(id, Some(CallStatus::Completed));
    let query = |cursor: Cursor, list| format!("?cursor={}", cursor.write(list));
    Ok(Grown {
        first: query(newest, list),
        deepest: query(deepest, list),
        deepest_completed: format!("{}&status=completed", query(deepest, completed)),
        deepest_users: query(of_users, List::Users),
        stage: {
            let name = stage.variable("MONGO_DB").unwrap_or_default().to_owned();
            let own = scene.stage.variables();
            let own = own.filter(|(variable, _)| *variable != "MONGO_DB");
            own.fold(stage.clone(), |stage, (variable, value)| {
                stage.set(variable, value)
            })
            .set("MONGO_DB", &name)
        },
        dialling: dialling.call_id,
        filled_in: begun.elapsed(),
    })
}

/// The scene's user, and others like them, who came earlier.
async fn users(scene: &Scene, others: usize) -> Result<Vec<User>> {
    let stored = scene.stage.database().collection::<User>("users");
    let id: UserId = scene.user.parse()?;
    let first = stored.find_one(doc! { "_id": id.object_id() }).await?;
    let first = first.ok_or("the scene has lost its user")?;
    let mut users = vec![first.clone()];
    for nth in 1..=others {
        let id = ObjectId::new();
        let email: outdial::domain::Email = format!("{id}@example.com").parse()?;
        users.push(User {
            id,
            email_lower: email.lower(),
            email,
            created_at: minutes_before(first.created_at, nth)?,
            ..first.clone()
        });
    }
    Ok(users)
}

fn minutes_before(time: DateTime, minutes: usize) -> Result<DateTime> {
    let millis = i64::try_from(minutes)? * 60_000;
    Ok(DateTime::from_millis(time.timestamp_millis() - millis))
}

/// A call that has ended well.
fn old_call(user: &User, created_at: DateTime) -> Call {
    let statuses = [
        CallStatus::Initiated,
        CallStatus::Ringing,
        CallStatus::InProgress,
        CallStatus::Completed,
    ];
    let events = (0..).zip(statuses).map(|(sequence, status)| CallEvent {
        status,
        at: created_at,
        source: EventSource::Twilio,
        sequence: Some(sequence),
        token: Some(Uuid::new_v4().to_string()),
    });
    Call {
        user_id: user.id.to_hex(),
        status: CallStatus::Completed,
        status_rank: CallStatus::Completed.rank(),
        duration_seconds: Some(12),
        events: events.collect(),
        created_at,
        updated_at: created_at,
        ..new_call()
    }
}

fn recording_of(like: &Recording, call: &Call) -> Result<Recording> {
    let sid: RecordingSid = format!("RE{}", Uuid::new_v4().simple()).parse()?;
    let uuid: CallId = call.call_id;
    Ok(Recording {
        id: ObjectId::new(),
        call_id: call.id.to_hex(),
        call_uuid: Some(uuid),
        twilio_sid: sid,
        created_at: call.created_at,
        updated_at: Some(call.created_at),
        ..like.clone()
    })
}
