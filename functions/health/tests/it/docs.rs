//! Tests the pages of the API documentation: public, and loaded from their own host only.

use testkit::Request;

use crate::rest::alone;

#[tokio::test]
async fn page_and_files_are_public() {
    let function = alone();
    for (path, media, begins) in [
        ("/docs", "text/html; charset=utf-8", "<!doctype html>"),
        (
            "/docs/start.js",
            "text/javascript; charset=utf-8",
            "SwaggerUIBundle({",
        ),
        (
            "/docs/swagger-ui-bundle.js",
            "text/javascript; charset=utf-8",
            "/*! For license",
        ),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", ""),
        ("/openapi.json", "application/json", "{"),
    ] {
        let answer = Request::new("GET", path).send(&function).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), media);
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.text().starts_with(begins), "{path}");
        assert!(answer.body.len() < 5_000_000, "{path}");
        let head = Request::new("HEAD", path).send(&function).await;
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        assert_eq!(head.header("content-type"), media);
    }
}

#[tokio::test]
async fn page_loads_only_from_its_host() {
    let function = alone();
    let page = Request::new("GET", "/docs").send(&function).await;
    let mut found = 0;
    for (name, quoted) in [("src=\"", '"'), ("href=\"", '"')] {
        for reference in page.text().split(name).skip(1) {
            let target = reference.split(quoted).next().unwrap();
            if target == "data:," {
                continue;
            }
            assert!(
                target.starts_with('/') && !target.starts_with("//"),
                "{target}"
            );
            let answer = Request::new("GET", target).send(&function).await;
            assert_eq!(answer.status, 200, "{target}");
            found += 1;
        }
    }
    assert_eq!(found, 3);
    assert!(
        !page.text().contains("<script>"),
        "the policy lets no inline script run"
    );
    let start = Request::new("GET", "/docs/start.js")
        .send(&function)
        .await
        .text();
    assert!(start.contains("url: \"/openapi.json\""));
    assert!(
        start.contains("validatorUrl: null"),
        "the viewer's own default is a host on the internet"
    );
}

#[tokio::test]
async fn policy_allows_only_the_pages_host() {
    let page = Request::new("GET", "/docs").send(&alone()).await;
    let policy = page.header("content-security-policy");
    for directive in policy.split(';').map(str::trim) {
        let mut words = directive.split(' ');
        let name = words.next().unwrap();
        for source in words {
            let inline_style = name == "style-src" && source == "'unsafe-inline'";
            assert!(
                ["'self'", "'none'", "data:"].contains(&source) || inline_style,
                "{directive}"
            );
        }
    }
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"));
}
