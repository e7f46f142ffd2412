//! The database: whether it answers, its indexes, the kill switch, today's calls against the cap, and the dial queue.

use std::time::Instant;

use mongodb::bson::DateTime;
use outdial::config::Settings;
use outdial::dao::admin::{self, Presence};
use outdial::dao::{Dao, DaoError, indexes};

use super::finding::{Finding, Verdict, failed, required, skipped};
use super::queue;

const NAMES: [&str; 4] = ["database", "indexes", "dialling", "calls of today"];

const ADVICE_INDEXES: &str = "run `outdial indexes`";
const ADVICE_NOT_OUTDIALS: &str = "the database has no documents of outdial's either: check MONGO_DB; `outdial indexes --create` prepares a new database";

pub async fn check(settings: &Settings) -> Vec<Finding> {
    let dao = match required(settings.mongo()).and_then(|config| Ok(Dao::new(&config)?)) {
        Ok(dao) => dao,
        Err(verdict) => {
            let names = NAMES.iter().chain(&queue::NAMES);
            let finding = |&name| Finding::new(name, Err(verdict.clone()));
            return names.map(finding).collect();
        }
    };
    let first = Finding::of(NAMES[0], answers(&dao)).await;
    let skip = |names: &[&'static str], why: &str| -> Vec<_> {
        let names = names.iter().chain(&queue::NAMES);
        names
            .map(|&name| Finding::new(name, Err(skipped(why))))
            .collect()
    };
    if first.has_failed() {
        let others = skip(&NAMES[1..], "the database is unavailable");
        return [vec![first], others].concat();
    }
    if is_not_outdials(&dao).await.unwrap_or(false) {
        let indexes = Finding::of(NAMES[1], has_indexes(&dao, ADVICE_NOT_OUTDIALS)).await;
        let others = skip(&NAMES[2..], "it is not an outdial database");
        return [vec![first, indexes], others].concat();
    }
    let (indexes, dialling, calls, queue) = tokio::join!(
        Finding::of(NAMES[1], has_indexes(&dao, ADVICE_INDEXES)),
        Finding::of(NAMES[2], dialling_is_on(&dao)),
        Finding::of(NAMES[3], cap_is_not_reached(&dao, settings)),
        queue::check_database(&dao, settings),
    );
    [vec![first, indexes, dialling, calls], queue].concat()
}

async fn is_not_outdials(dao: &Dao) -> Result<bool, DaoError> {
    let presence = admin::presence(&dao.database().await?).await?;
    Ok(presence == Presence::Absent)
}

async fn answers(dao: &Dao) -> Result<String, Verdict> {
    let start = Instant::now();
    dao.ping().await?;
    Ok(format!("answers within {} ms", start.elapsed().as_millis()))
}

async fn has_indexes(dao: &Dao, advice: &'static str) -> Result<String, Verdict> {
    let found = indexes::check(&dao.database().await?).await?;
    if !found.missing.is_empty() {
        let why = format!("missing: {}", found.missing.join(", "));
        return Err(failed(why, advice));
    }
    if !found.replaced.is_empty() {
        let why = format!(
            "of an earlier version and no longer used: {}",
            found.replaced.join(", ")
        );
        return Err(failed(why, advice));
    }
    Ok("all exist".to_owned())
}

async fn dialling_is_on(dao: &Dao) -> Result<String, Verdict> {
    let switch = dao.dialing().await?;
    if switch.on {
        return Ok(switch.to_string());
    }
    Err(failed(
        switch.to_string(),
        "run `outdial dialing on` once the reason no longer holds",
    ))
}

async fn cap_is_not_reached(dao: &Dao, settings: &Settings) -> Result<String, Verdict> {
    let cap = required(settings.calls())?.max_calls_per_day;
    let database = dao.database().await?;
    let used = admin::counters::calls_of_day(&database, DateTime::now()).await?;
    let detail = format!("{used} of {cap} (MAX_CALLS_PER_DAY)");
    if used < i64::from(cap) {
        return Ok(detail);
    }
    Err(failed(
        detail,
        "new calls are refused until midnight UTC: to place more, raise the cap",
    ))
}

impl From<DaoError> for Verdict {
    fn from(error: DaoError) -> Self {
        let advice = match &error {
            DaoError::LoginRefused(_) => {
                "check the user and password in MONGO_URI; the user needs readWrite on the database in MONGO_DB"
            }
            _ => "check the servers in MONGO_URI, and that they accept this machine's address",
        };
        failed(error.to_string(), advice)
    }
}
