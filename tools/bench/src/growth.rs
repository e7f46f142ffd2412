//! Measures how the response times grow with the number of stored calls.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Map, json};
use stack::Result;
use testkit::Request;

use crate::bench::Bench;
use crate::finding::{Finding, Table, Target};
use crate::fixture::variables;
use crate::in_process::InProcessFunctions;
use crate::queries;
use crate::routes::ROUTES;
use crate::seed_data::{SeedData, seed};
use crate::statistics::{median, ms};

/// Numbers of stored calls.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Number of these sizes for the embedded database. It sorts lists in memory: the next size would take two
/// minutes to store, and as long to measure.
const EMBEDDED_SIZES: usize = 2;

/// Number of timings of each request. The requests take turns.
const SAMPLES: usize = 60;
/// The longest time of the deepest page, by the first page's.
const DEEPEST_PAGE_RATIO: f64 = 1.2;

const EMBEDDED_NOTE: &str = "The embedded database doesn't count keys, and sorts or scans where MongoDB doesn't. Set MONGO_URI to get \
     MongoDB's query plans.";

/// Fills databases, each with ten times as many calls as the one before, and times the same requests with each of them.
pub async fn measure(bench: &Bench) -> Result<Finding> {
    let embedded = bench.fixture.is_embedded();
    let sizes = &SIZES[..if embedded {
        EMBEDDED_SIZES
    } else {
        SIZES.len()
    }];
    let mut rows: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut data = Map::new();
    let mut targets = Vec::new();
    for &size in sizes {
        let seeded = seed(&bench.fixture, size).await?;
        println!("      {size} calls stored in {:.1?}", seeded.duration);
        let is_last = Some(&size) == sizes.last();
        let measured = measure_size(bench, &seeded, is_last).await;
        seeded.stage.database().drop().await?;
        let (medians, queries) = measured?;
        for (name, median) in &medians {
            rows.entry(name).or_default().push(*median);
        }
        let ratio = medians[queries::DEEPEST_BY_CURSOR] / medians[queries::FIRST_BY_CURSOR];
        targets.push(Target::new(
            format!("{size} calls: the deepest page by cursor, × the first"),
            DEEPEST_PAGE_RATIO,
            ratio,
        ));
        data.insert(format!("{size}_calls_ms"), json!(medians));
        if let Some(queries) = queries {
            println!("\n{}\n{}", queries.title, queries.table);
            if embedded {
                println!("{EMBEDDED_NOTE}");
            }
            data.insert("queries".to_owned(), queries.data);
            targets.extend(queries.targets);
        }
    }
    Ok(Finding {
        title: title(embedded),
        table: table(sizes, &rows),
        data: data.into(),
        targets,
    })
}

fn title(embedded: bool) -> String {
    let growth =
        format!("Growth: medians of {SAMPLES} requests in ms, by the number of stored calls");
    if embedded {
        let last = SIZES[EMBEDDED_SIZES - 1];
        format!(
            "{growth}. The embedded database ends at {last}: it sorts lists in memory, and would take minutes for the next size. \
             Set MONGO_URI for more"
        )
    } else {
        growth
    }
}

fn table(sizes: &[usize], rows: &BTreeMap<&str, Vec<f64>>) -> Table {
    let sizes: Vec<_> = sizes.iter().map(ToString::to_string).collect();
    let mut head = vec!["request"];
    head.extend(sizes.iter().map(String::as_str));
    head.push("× the first");
    let mut table = Table::new(&head);
    for (name, medians) in rows {
        let ratio = medians.last().zip(medians.first());
        let ratio = ratio.map_or(1.0, |(last, first)| last / first);
        let figures = medians.iter().copied().chain([ratio]);
        table.line(*name, figures.map(|figure| format!("{figure:.2}")));
    }
    table
}

/// Times the requests. Explains the queries too, if asked to.
async fn measure_size(
    bench: &Bench,
    seeded: &SeedData,
    explain_queries: bool,
) -> Result<(Medians, Option<Finding>)> {
    let functions = InProcessFunctions::new(variables(&seeded.stage))?;
    let medians = time_requests(bench, &functions, seeded).await?;
    let explained = if explain_queries {
        Some(queries::explain(bench, &functions, seeded).await?)
    } else {
        None
    };
    Ok((medians, explained))
}

/// Median times in milliseconds, by the names of the requests.
type Medians = BTreeMap<&'static str, f64>;

async fn time_requests(
    bench: &Bench,
    functions: &InProcessFunctions,
    seeded: &SeedData,
) -> Result<Medians> {
    let user = &bench.fixture.user;
    let page = |query: &str| Request::get(&format!("/users/{user}/calls{query}"));
    let pages = [
        (queries::FIRST_BY_CURSOR, page(&seeded.first_page)),
        (queries::DEEPEST_BY_CURSOR, page(&seeded.deepest_page)),
    ];
    let names = [
        "GET /users",
        "GET /users/{id}/calls",
        "GET /calls",
        "GET /stats",
        "GET /calls/{id}",
        "POST /twilio/status",
        "POST /calls/outbound",
    ];
    let routes = || ROUTES.iter().filter(|route| names.contains(&route.name));
    let mut samples: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    // The first round connects, and isn't counted.
    for nth in 0..=SAMPLES {
        let pages = pages
            .iter()
            .map(|(name, request)| (*name, "users", 200, request.clone()));
        let routes = routes().map(|route| {
            let request = route.request(&bench.fixture, nth);
            (route.name, route.function, route.status, request)
        });
        for (name, function, status, request) in pages.chain(routes) {
            let begun = Instant::now();
            functions.send(function, status, &request).await?;
            if nth > 0 {
                samples.entry(name).or_default().push(begun.elapsed());
            }
        }
    }
    functions.take_commands();
    let medians = samples.iter();
    Ok(medians
        .map(|(name, samples)| (*name, ms(median(samples))))
        .collect())
}
