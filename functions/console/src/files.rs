//! The files of the console, built into the binary.

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use outdial::http::etag_matches;
use ring::digest::{SHA256, digest};

const PAGE: &str = include_str!("../page/index.html");
/// The placeholder in the page for the version of its files.
const VERSION: &str = "{version}";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";
const FONT: &str = "font/woff2";

macro_rules! files {
    ($($media:ident $name:literal)*) => {
        [$(($name, $media, include_bytes!(concat!("../page/", $name)))),*]
    };
}

/// The files that the page loads: name, media type, content.
const FILES: &[(&str, &str, &[u8])] = &files! {
    STYLE "console.css"
    IMAGE "icon.svg"
    FONT "inter.woff2"
    STYLE "queue.css"
    STYLE "steps.css"
    SCRIPT "access.js"
    SCRIPT "api.js"
    SCRIPT "attempts.js"
    SCRIPT "badge.js"
    SCRIPT "bars.js"
    SCRIPT "batch.js"
    SCRIPT "batch_actions.js"
    SCRIPT "batch_facts.js"
    SCRIPT "batch_form.js"
    SCRIPT "batch_progress.js"
    SCRIPT "batches.js"
    SCRIPT "call.js"
    SCRIPT "call_actions.js"
    SCRIPT "call_facts.js"
    SCRIPT "call_form.js"
    SCRIPT "call_steps.js"
    SCRIPT "calls.js"
    SCRIPT "calls_list.js"
    SCRIPT "content_fields.js"
    SCRIPT "controls.js"
    SCRIPT "csv_parts.js"
    SCRIPT "dom.js"
    SCRIPT "format.js"
    SCRIPT "forms.js"
    SCRIPT "main.js"
    SCRIPT "names.js"
    SCRIPT "overview.js"
    SCRIPT "person_field.js"
    SCRIPT "plot.js"
    SCRIPT "poll.js"
    SCRIPT "progress_history.js"
    SCRIPT "progress_plot.js"
    SCRIPT "reasons.js"
    SCRIPT "recipients_form.js"
    SCRIPT "recording.js"
    SCRIPT "result_counts.js"
    SCRIPT "results.js"
    SCRIPT "results_download.js"
    SCRIPT "retry_fields.js"
    SCRIPT "states.js"
    SCRIPT "step_ask.js"
    SCRIPT "step_then.js"
    SCRIPT "step_transfer.js"
    SCRIPT "step_words.js"
    SCRIPT "steps_fields.js"
    SCRIPT "theme.js"
    SCRIPT "tile.js"
    SCRIPT "time_fields.js"
    SCRIPT "timeline.js"
    SCRIPT "transcript.js"
    SCRIPT "user_form.js"
    SCRIPT "users.js"
    SCRIPT "voicemail_fields.js"
};

/// The page and its files, with their tags.
pub(crate) struct Files {
    page: String,
    page_tag: String,
    tags: Vec<String>,
    version: String,
    policy: String,
}

impl Files {
    /// `media` is the origin of audio, if it may differ from the page's.
    pub(crate) fn new(media: Option<&str>) -> Self {
        let tags: Vec<_> = FILES.iter().map(|(.., content)| tag(content)).collect();
        let version = tag(tags.concat().as_bytes());
        let page = PAGE.replace(VERSION, &version);
        let media = media.map(|origin| format!(" {origin}")).unwrap_or_default();
        Self {
            page_tag: tag(page.as_bytes()),
            page,
            tags,
            version,
            policy: format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
                 connect-src 'self'{media}; media-src 'self'{media}; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            ),
        }
    }

    /// The response with the page.
    pub(crate) fn page(&self, headers: &HeaderMap) -> Response {
        let content = self.page.as_bytes().to_vec();
        self.response(
            headers,
            &self.page_tag,
            "text/html; charset=utf-8",
            "no-cache",
            content,
        )
    }

    /// The response with a file, or `None` if there is no such file.
    ///
    /// Under the current version, browsers may cache the file forever. Another version belongs to a previous or a next deployment:
    /// it gets the current file, without caching.
    pub(crate) fn file(&self, version: &str, name: &str, headers: &HeaderMap) -> Option<Response> {
        let nth = FILES.iter().position(|(own, ..)| *own == name)?;
        let (_, media, content) = FILES[nth];
        let cache_control = if version == self.version {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        Some(self.response(
            headers,
            &self.tags[nth],
            media,
            cache_control,
            content.to_vec(),
        ))
    }

    fn response(
        &self,
        headers: &HeaderMap,
        tag: &str,
        media: &'static str,
        cache_control: &'static str,
        content: Vec<u8>,
    ) -> Response {
        let response = if is_known(headers, tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, media)], content).into_response()
        };
        (
            [
                (header::ETAG, format!("\"{tag}\"").as_str()),
                (header::CACHE_CONTROL, cache_control),
                (header::CONTENT_SECURITY_POLICY, &self.policy),
                (header::REFERRER_POLICY, "no-referrer"),
                (
                    HeaderName::from_static("cross-origin-opener-policy"),
                    "same-origin",
                ),
                (
                    HeaderName::from_static("cross-origin-resource-policy"),
                    "same-origin",
                ),
            ],
            response,
        )
            .into_response()
    }
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|tags| etag_matches(tags, tag))
}

/// The first half of the content's SHA-256, in hexadecimal digits.
fn tag(content: &[u8]) -> String {
    let hash = digest(&SHA256, content);
    hash.as_ref()[..16]
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
