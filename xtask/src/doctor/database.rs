//! The database: whether it is there, its indexes, and what of the day's calls is used.

use std::time::Instant;

use mongodb::Database;
use mongodb::bson::{RawBsonRef, RawDocumentBuf, doc};
use outdial::config::Settings;
use outdial::dao::admin::{self, Presence};
use outdial::dao::{Dao, DaoError, indexes};

use super::finding::{Finding, Verdict, failed, skipped};
use super::needed;

const NAMES: [&str; 4] = ["database", "indexes", "dialling", "calls of today"];

pub async fn check(settings: &Settings) -> Vec<Finding> {
    let dao = match needed(settings.mongo()).and_then(|config| Ok(Dao::new(&config)?)) {
        Ok(dao) => dao,
        Err(verdict) => {
            return NAMES
                .map(|name| Finding::new(name, Err(verdict.clone())))
                .into();
        }
    };
    let first = Finding::of(NAMES[0], answers(&dao)).await;
    if first.has_failed() {
        let others = NAMES[1..].iter();
        let others = others.map(|&name| Finding::new(name, Err(skipped("the database is away"))));
        return std::iter::once(first).chain(others).collect();
    }
    if is_not_outdials(&dao).await.unwrap_or(false) {
        let indexes = Finding::of(NAMES[1], has_indexes(&dao, ADVICE_NOT_OUTDIALS)).await;
        let others = NAMES[2..].iter();
        let why = || Err(skipped("it is not an outdial database"));
        let others = others.map(|&name| Finding::new(name, why()));
        return [first, indexes].into_iter().chain(others).collect();
    }
    let (indexes, dialling, calls) = tokio::join!(
        Finding::of(NAMES[1], has_indexes(&dao, ADVICE)),
        Finding::of(NAMES[2], dials(&dao)),
        Finding::of(NAMES[3], calls_of_today(&dao, settings)),
    );
    vec![first, indexes, dialling, calls]
}

async fn is_not_outdials(dao: &Dao) -> Result<bool, DaoError> {
    let presence = admin::presence(&dao.database().await?).await?;
    Ok(presence == Presence::Absent)
}

async fn answers(dao: &Dao) -> Result<String, Verdict> {
    let begun = Instant::now();
    dao.ping().await?;
    Ok(format!(
        "it answers, within {} ms",
        begun.elapsed().as_millis()
    ))
}

const ADVICE: &str = "run `cargo xtask indexes`";
const ADVICE_NOT_OUTDIALS: &str = "it has none of outdial's documents either: check MONGO_DB; `cargo xtask indexes --create` makes a new database";

async fn has_indexes(dao: &Dao, advice: &'static str) -> Result<String, Verdict> {
    let database = dao.database().await?;
    let found = indexes::check(&database).await?;
    if !found.missing.is_empty() {
        return Err(failed(
            format!("missing: {}", found.missing.join(", ")),
            advice,
        ));
    }
    if !found.replaced.is_empty() {
        let why = format!(
            "of the earlier service, and of no use: {}",
            found.replaced.join(", ")
        );
        return Err(failed(why, advice));
    }
    Ok("all are there".to_owned())
}

async fn dials(dao: &Dao) -> Result<String, Verdict> {
    let switch = dao.dialing().await?;
    if switch.on {
        return Ok(switch.to_string());
    }
    Err(failed(
        switch.to_string(),
        "`cargo xtask dialing on`, once the reason is gone",
    ))
}

async fn calls_of_today(dao: &Dao, settings: &Settings) -> Result<String, Verdict> {
    let cap = needed(settings.calls())?.max_calls_per_day;
    let database = dao.database().await?;
    let used = used_today(&database).await?;
    let told = format!("{used} of {cap} (MAX_CALLS_PER_DAY)");
    if used < i64::from(cap) {
        return Ok(told);
    }
    Err(failed(
        told,
        "new calls are refused until midnight, UTC: raise it, if they are to be placed",
    ))
}

async fn used_today(database: &Database) -> Result<i64, DaoError> {
    let id = format!("calls:{}", chrono::Utc::now().format("%Y-%m-%d"));
    let counters = database.collection::<RawDocumentBuf>("counters");
    let counter = counters.find_one(doc! { "_id": id }).await?;
    let count = counter.as_ref().map(|counter| counter.get("count"));
    Ok(match count {
        Some(Ok(Some(RawBsonRef::Int64(count)))) => count,
        Some(Ok(Some(RawBsonRef::Int32(count)))) => i64::from(count),
        _ => 0,
    })
}

impl From<DaoError> for Verdict {
    fn from(error: DaoError) -> Self {
        let advice = match &error {
            DaoError::LoginRefused(_) => {
                "look at the user and password in MONGO_URI; the user needs readWrite on the database in MONGO_DB"
            }
            _ => "look at the servers in MONGO_URI, and whether they let this machine in",
        };
        failed(error.to_string(), advice)
    }
}
