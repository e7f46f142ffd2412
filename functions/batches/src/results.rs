//! `GET /batches/{batch_id}/results`: as JSON or CSV.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bson::DateTime;
use http::{HeaderMap, HeaderValue, header};
use outdial::{
    csv::TableWriter,
    dao::{Cursor, List},
    domain::{BatchId, Delivery},
    http::{BatchResultBody, BatchResultList, CSV, Caller, CallsRead, Id, PageQuery, Problem},
};

use crate::App;

/// List the results of a batch
///
/// One result for each recipient, in a fixed order: JSON, or CSV if `Accept` has `text/csv`. The header `Link` of a CSV response has
/// the address of the next page.
#[utoipa::path(
    get, path = "/batches/{batch_id}/results", tag = "batches", operation_id = "list_batch_results",
    params(
        ("batch_id" = String, Path, description = "The batch's `batch_id`", format = Uuid, example = "6fa459ea-ee8a-4ca4-894e-db77e160355e"),
        ("page_size" = Option<u32>, Query, description = "Maximum number of results on a page", minimum = 1, maximum = 1000, example = 1000),
        ("cursor" = Option<String>, Query, pattern = "^[A-Za-z0-9_-]{32}$", description = "`next_cursor` of the previous page"),
    ),
    responses(
        (status = 200, description = "A page of results", content((BatchResultList = "application/json"), (String = "text/csv")),
            headers(("Link" = Option<String>, description = "Address of the next page, with `rel=\"next\"`. Absent on the last page"))),
        (status = 422, description = "Parameters are unknown, repeated, malformed or out of range, or the cursor belongs to another list. The response lists all of them (`validation_failed`)"),
    ),
    security(("bearer" = []), ("api_key" = []))
)]
pub(crate) async fn list(
    _: Caller<CallsRead>,
    State(app): State<App>,
    Id(id): Id<BatchId>,
    query: PageQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (from, page_size) = query.of_batch_results(id)?;
    let page = app
        .dao
        .list_batch_results(id, from.map(Cursor::id), page_size);
    let (batch, page) = tokio::try_join!(app.dao.get_batch(id), page)?;
    batch.ok_or_else(|| Problem::not_found("batch"))?;
    let list = List::BatchResults(id);
    // The list is ordered by `_id` alone.
    let place = |next| Cursor::new(DateTime::from_millis(0), next).write(&list);
    let next_cursor = page.next.map(place);
    let link = next_cursor.as_ref().and_then(|cursor| {
        let path = format!("/batches/{id}/results?page_size={page_size}&cursor={cursor}");
        HeaderValue::try_from(format!("<{path}>; rel=\"next\"")).ok()
    });
    let results: Vec<_> = page
        .results
        .into_iter()
        .map(BatchResultBody::from)
        .collect();
    let mut response = if wants_csv(&headers) {
        let csv = csv(&results).map_err(Problem::internal)?;
        ([(header::CONTENT_TYPE, CSV)], csv).into_response()
    } else {
        axum::Json(BatchResultList {
            results,
            page_size,
            next_cursor,
        })
        .into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Some(link) = link {
        headers.insert(header::LINK, link);
    }
    Ok(response)
}

/// Returns whether the client names CSV among the media types that it accepts.
fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    accepted.any(|range| {
        let media = range.split(';').next().unwrap_or_default();
        media.trim().eq_ignore_ascii_case("text/csv")
    })
}

const COLUMNS: [&str; 14] = [
    "call_id",
    "external_id",
    "to_number",
    "status",
    "status_reason",
    "attempts",
    "reached",
    "answered_by",
    "duration_seconds",
    "delivery",
    "error_code",
    "last_call_id",
    "updated_at",
    "result",
];

fn csv(results: &[BatchResultBody]) -> std::io::Result<Vec<u8>> {
    let mut table = TableWriter::new(Vec::new(), &COLUMNS)?;
    for result in results {
        let attempts = result.attempts.to_string();
        let duration = result.duration_seconds.map(|seconds| seconds.to_string());
        let error = result.error_code.map(|code| code.to_string());
        let reached = result
            .reached
            .map(|reached| if reached { "true" } else { "false" });
        table.row([
            Some(result.call_id.as_str()),
            result.external_id.as_deref(),
            Some(result.to_number.as_str()),
            Some(result.status.as_str()),
            result.status_reason.as_deref(),
            Some(attempts.as_str()),
            reached,
            result.answered_by.as_deref(),
            duration.as_deref(),
            result.delivery.map(Delivery::as_str),
            error.as_deref(),
            Some(result.last_call_id.as_str()),
            Some(result.updated_at.as_str()),
            result.result.as_deref(),
        ])?;
    }
    table.finish()
}
