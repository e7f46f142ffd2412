use std::collections::BTreeMap;

use axum::extract::State;
use mongodb::bson::DateTime;
use outdial::{
    dao::CallStats,
    domain::{CallStatus, TimeRange},
    http::{Caller, CallsRead, PageQuery, Problem, rfc3339},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

/// Read how the calls of a time went
///
/// In pieces of five minutes up to six hours, of an hour up to four days, else of a day. At most the newest 50,000 calls are
/// looked at.
#[utoipa::path(
    get, path = "/stats", tag = "calls", operation_id = "get_stats",
    params(
        ("from" = Option<DateTime<Utc>>, Query, description = "Calls that were created then or later (a day before `to`)", example = "2026-01-02T03:00:00Z"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Calls that were created before (the next full minute)", example = "2026-01-02T03:05:00Z"),
    ),
    responses(
        (status = 200, description = "The statistics", body = StatsBody),
        (status = 422, description = "Parameters at fault, all of them: unknown or repeated, no times, or more than 31 days (`validation_failed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn read(
    _: Caller<CallsRead>,
    State(app): State<App>,
    query: PageQuery,
) -> Result<axum::Json<StatsBody>, Problem> {
    let range = query.of_stats(DateTime::now())?;
    let calls = app.dao.call_stats(&range);
    let (calls, refused) = tokio::try_join!(calls, app.dao.refusals(&range))?;
    Ok(axum::Json(StatsBody::new(&range, &calls, refused)))
}

/// How many calls stand where; without those where none does.
type ByStatus = BTreeMap<&'static str, u64>;

/// How the calls of a time went.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(crate) struct StatsBody {
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:00:00.000Z")]
    from: String,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:05:00.000Z")]
    to: String,
    /// How long a bucket is: 300, 3600 or 86400.
    #[schema(example = 300)]
    bucket_seconds: i64,
    /// How many calls there are, without those that Twilio refused: they count in `refused`.
    #[schema(example = 4)]
    total: u64,
    /// How many calls stand where, as they do now.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"completed": 3, "busy": 1}))]
    by_status: ByStatus,
    /// The pieces of the time, oldest first, those without calls too.
    buckets: Vec<BucketBody>,
    /// Which part of the calls that have ended was answered; null where none has ended.
    #[schema(example = 0.75)]
    answer_rate: Option<f64>,
    /// Of the calls that have a duration; null where none has.
    #[schema(example = 17.5)]
    median_duration_seconds: Option<f64>,
    /// How often each rule, or Twilio, refused a call, by the `code` of the refusal. Refusals are counted in slots of five
    /// minutes; each slot that the time touches counts.
    #[schema(example = json!({"number_blocked": 2}))]
    refused: BTreeMap<String, u64>,
    /// Whether there may be more, older calls, which were not looked at.
    #[schema(example = false)]
    truncated: bool,
}

/// A piece of the time.
#[derive(Serialize, ToSchema)]
#[schema(as = StatsBucket)]
struct BucketBody {
    /// When it begins, RFC 3339: by the hours and days of UTC, so that the first may begin before `from`.
    #[schema(format = DateTime, example = "2026-01-02T03:00:00.000Z")]
    start: String,
    /// How many of the calls that were created in it stand where.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"completed": 3, "busy": 1}))]
    by_status: ByStatus,
}

impl StatsBody {
    fn new(range: &TimeRange, calls: &CallStats, refused: BTreeMap<String, u64>) -> Self {
        let buckets = range.bucket_starts().map(|start| BucketBody {
            start: rfc3339(start),
            by_status: calls.buckets.get(&start).map(named).unwrap_or_default(),
        });
        Self {
            from: rfc3339(range.from()),
            to: rfc3339(range.to()),
            bucket_seconds: range.bucket_seconds(),
            total: calls.total(),
            by_status: named(&calls.by_status()),
            buckets: buckets.collect(),
            answer_rate: calls.answer_rate(),
            median_duration_seconds: calls.median_duration_seconds(),
            refused,
            truncated: calls.is_truncated(),
        }
    }
}

fn named(by_status: &BTreeMap<CallStatus, u64>) -> ByStatus {
    let counts = by_status.iter();
    counts
        .map(|(status, &count)| (status.as_str(), count))
        .collect()
}
