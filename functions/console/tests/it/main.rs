//! Tests the console's files: Lambda events in, HTTP responses out.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

use std::collections::BTreeSet;

use axum::Router;
use outdial::config::Settings;
use testkit::Request;

fn function(variables: &[(&str, &str)]) -> Router {
    let values = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()));
    console::router(&Settings::from_values(values.collect()).unwrap()).unwrap()
}

/// Returns every path that the page loads.
async fn named(function: &Router) -> BTreeSet<String> {
    let page = Request::new("GET", "/console").send(function).await.text();
    let quoted = page.split('"').skip(1).step_by(2);
    quoted
        .filter(|text| text.starts_with("/console/"))
        .map(str::to_owned)
        .collect()
}

/// Returns the modules in the same folder that a module imports.
fn imported(module: &str) -> impl Iterator<Item = &str> {
    module
        .lines()
        .filter(|line| line.starts_with("import ") || line.starts_with("} from "))
        .filter_map(|line| line.split('"').nth(1)?.strip_prefix("./"))
}

#[tokio::test]
async fn only_files_that_the_page_loads_are_served() {
    let function = function(&[]);
    let mut open: Vec<_> = named(&function).await.into_iter().collect();
    let mut loaded = BTreeSet::new();
    while let Some(path) = open.pop() {
        if !loaded.insert(path.clone()) {
            continue;
        }
        let answer = Request::new("GET", &path).send(&function).await;
        assert_eq!(answer.status, 200, "{path}");
        let kept = answer.header("cache-control");
        assert_eq!(kept, "public, max-age=31536000, immutable", "{path}");
        let folder = path.rsplit_once('/').unwrap().0.to_owned();
        if answer.header("content-type") == "text/javascript; charset=utf-8" {
            open.extend(imported(&answer.text()).map(|name| format!("{folder}/{name}")));
        }
    }
    assert!(loaded.len() > 15, "modules load modules: {loaded:?}");
    let served: BTreeSet<_> = loaded
        .iter()
        .map(|path| path.rsplit('/').next().unwrap())
        .collect();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
    let written: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "index.html" && name != "inter-LICENSE.txt")
        .collect();
    assert_eq!(served, written.iter().map(String::as_str).collect());

    for path in [
        "/console/x",
        "/console/1/index.html",
        "/console/1/inter-LICENSE.txt",
        "/console/1/..%2fsrc%2flib.rs",
        "/console/1/main.js/",
        "/consoles",
    ] {
        let answer = Request::new("GET", path).send(&function).await;
        answer.assert_problem(404, "not_found");
    }
    let posted = Request::new("POST", "/console").send(&function).await;
    posted.assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn unchanged_file_is_answered_304() {
    let function = function(&[]);
    let script = named(&function)
        .await
        .into_iter()
        .find(|path| path.ends_with("main.js"))
        .unwrap();
    for path in ["/console", &script] {
        let whole = Request::new("GET", path).send(&function).await;
        let tag = whole.header("etag").to_owned();
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            "*".to_owned(),
        ] {
            let again = Request::new("GET", path).header("if-none-match", &known);
            let again = again.send(&function).await;
            assert_eq!(again.status, 304, "{path}: {known}");
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), tag);
            assert_eq!(again.header("cache-control"), whole.header("cache-control"));
        }
        let other = Request::new("GET", path).header("if-none-match", "\"other\"");
        assert_eq!(other.send(&function).await.status, 200);
    }
    let page = Request::new("GET", "/console").send(&function).await;
    assert_eq!(page.header("cache-control"), "no-cache");
    // A page from before a deployment requests files of the earlier version.
    let old = Request::new("GET", "/console/yesterday/main.js")
        .send(&function)
        .await;
    assert_eq!(
        (old.status.as_u16(), old.header("cache-control")),
        (200, "no-cache")
    );
}

#[tokio::test]
async fn policy_allows_the_hosts_of_the_page_and_the_audio() {
    let media = "https://abc.lambda-url.us-east-1.on.aws";
    let url = format!("{media}/media");
    for (variables, more) in [
        (vec![], String::new()),
        (vec![("MEDIA_URL", url.as_str())], format!(" {media}")),
        (
            vec![
                ("MEDIA_URL", url.as_str()),
                ("BASE_URL", "https://calls.example.com"),
            ],
            format!(" {media}"),
        ),
        (
            vec![("BASE_URL", "https://calls.example.com")],
            " https://calls.example.com".to_owned(),
        ),
    ] {
        let page = Request::new("GET", "/console")
            .send(&function(&variables))
            .await;
        assert_eq!(
            page.header("content-security-policy"),
            format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; \
                 connect-src 'self'{more}; media-src 'self'{more}; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            )
        );
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn files_comply_with_the_policy_and_build_no_markup_from_data() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        if path.ends_with("inter-LICENSE.txt") {
            continue;
        }
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "<style",
            " style=",
            "sessionStorage",
            "cookie",
            "indexedDB",
        ] {
            assert!(!text.contains(word), "{word} in {}", path.display());
        }
        let hosts: BTreeSet<_> = text
            .split("https://")
            .skip(1)
            .map(|rest| rest.split('/').next().unwrap_or_default())
            .collect();
        assert!(
            hosts.is_empty() || hosts == BTreeSet::from(["www.twilio.com"]),
            "{hosts:?} in {}",
            path.display()
        );
    }
}

#[test]
fn malformed_media_url_fails_the_init_phase() {
    let values = [("MEDIA_URL".to_owned(), "nonsense".to_owned().into())];
    let settings = Settings::from_values(values.into()).unwrap();
    let error = console::router(&settings).unwrap_err();
    assert!(error.to_string().starts_with("MEDIA_URL"), "{error}");
}
