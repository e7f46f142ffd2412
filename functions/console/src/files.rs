use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};
use outdial::http::names_tag;
use ring::digest::{SHA256, digest};

const PAGE: &str = include_str!("../page/index.html");
/// What the page says where the version of its files belongs.
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

/// What the page loads: name, media type, content.
const FILES: &[(&str, &str, &[u8])] = &files! {
    STYLE "console.css"
    IMAGE "icon.svg"
    FONT "inter.woff2"
    SCRIPT "api.js"
    SCRIPT "call.js"
    SCRIPT "calls.js"
    SCRIPT "dialogs.js"
    SCRIPT "dom.js"
    SCRIPT "format.js"
    SCRIPT "forms.js"
    SCRIPT "main.js"
    SCRIPT "names.js"
    SCRIPT "overview.js"
    SCRIPT "plot.js"
    SCRIPT "poll.js"
    SCRIPT "recording.js"
    SCRIPT "states.js"
    SCRIPT "theme.js"
    SCRIPT "timeline.js"
    SCRIPT "users.js"
};

/// The page and what it loads.
pub(crate) struct Files {
    page: String,
    page_tag: String,
    tags: Vec<String>,
    version: String,
    policy: String,
}

impl Files {
    /// `media` is the origin that audio comes from, where it may be another than the page's.
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

    pub(crate) fn page(&self, asked: &HeaderMap) -> Response {
        let content = self.page.as_bytes().to_vec();
        self.answer(
            asked,
            &self.page_tag,
            "text/html; charset=utf-8",
            "no-cache",
            content,
        )
    }

    /// Under the version of today a file never changes. Under another one, which a deployment has outdated or is about
    /// to bring, it is today's all the same, for this once.
    pub(crate) fn file(&self, version: &str, name: &str, asked: &HeaderMap) -> Option<Response> {
        let nth = FILES.iter().position(|(own, ..)| *own == name)?;
        let (_, media, content) = FILES[nth];
        let kept = if version == self.version {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        Some(self.answer(asked, &self.tags[nth], media, kept, content.to_vec()))
    }

    fn answer(
        &self,
        asked: &HeaderMap,
        tag: &str,
        media: &'static str,
        kept: &'static str,
        content: Vec<u8>,
    ) -> Response {
        let answer = if is_known(asked, tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, media)], content).into_response()
        };
        (
            [
                (header::ETAG, format!("\"{tag}\"").as_str()),
                (header::CACHE_CONTROL, kept),
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
            answer,
        )
            .into_response()
    }
}

fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|tags| names_tag(tags, tag))
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
