//! `GET /stats`.

use std::collections::BTreeMap;

use axum::extract::State;
use mongodb::bson::DateTime;
use outdial::{
    dao::CallStats,
    domain::{CallStatus, TimeRange, rfc3339},
    http::{Caller, CallsRead, PageQuery, Problem},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

/// Read statistics of calls
///
/// Buckets of five minutes for up to six hours, of an hour for up to four days, otherwise of a day. The newest 50,000 calls are
/// included at most.
#[utoipa::path(
    get, path = "/stats", tag = "calls", operation_id = "get_stats",
    params(
        ("from" = Option<DateTime<Utc>>, Query, description = "Calls created at this time or later; the default is a day before `to`", example = "2026-01-02T03:00:00Z"),
        ("to" = Option<DateTime<Utc>>, Query, description = "Calls created before this time; the default is the next full minute", example = "2026-01-02T03:05:00Z"),
    ),
    responses(
        (status = 200, description = "The statistics", body = StatsBody),
        (status = 422, description = "Invalid parameters (`validation_failed`): unknown or repeated, no times, or a range of more than 31 days. `errors` lists all of them"),
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

/// Numbers of calls by status, without the statuses that no call has.
type ByStatus = BTreeMap<&'static str, u64>;

/// Statistics of the calls created in a range of time.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(crate) struct StatsBody {
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:00:00.000Z")]
    from: String,
    /// RFC 3339.
    #[schema(format = DateTime, example = "2026-01-02T03:05:00.000Z")]
    to: String,
    /// Length of a bucket: 300, 3600 or 86400.
    #[schema(example = 300)]
    bucket_seconds: i64,
    /// Number of calls, without those that Twilio refused: `refused` counts them.
    #[schema(example = 4)]
    total: u64,
    /// Numbers of calls by their current status.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"completed": 3, "busy": 1}))]
    by_status: ByStatus,
    /// Numbers of calls by `result`, for the 20 most frequent ones. A result counts some seconds after the end of the call.
    #[schema(example = json!({"confirmed": 2, "hung_up": 1}))]
    by_result: BTreeMap<String, u64>,
    /// Number of calls with any other result.
    #[schema(example = 0)]
    other_results: u64,
    /// The buckets, oldest first, including those without calls.
    buckets: Vec<BucketBody>,
    /// Share of answered calls among those that were dialled and have ended; null if there are none.
    #[schema(example = 0.75)]
    answer_rate: Option<f64>,
    /// Median duration of the calls that have one; null if none has.
    #[schema(example = 17.5)]
    median_duration_seconds: Option<f64>,
    /// Numbers of refused calls by `code`. Refusals are counted in slots of five minutes, and every slot that the range touches
    /// is included.
    #[schema(example = json!({"number_blocked": 2}))]
    refused: BTreeMap<String, u64>,
    /// True if the range may contain older calls that are not included.
    #[schema(example = false)]
    truncated: bool,
}

/// A part of the range.
#[derive(Serialize, ToSchema)]
#[schema(as = StatsBucket)]
struct BucketBody {
    /// Start of the bucket, RFC 3339. Buckets are aligned to UTC hours and days, so the first may begin before `from`.
    #[schema(format = DateTime, example = "2026-01-02T03:00:00.000Z")]
    start: String,
    /// Numbers of the calls created in the bucket, by current status.
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
            by_result: calls.results.by_result.clone(),
            other_results: calls.results.others,
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
