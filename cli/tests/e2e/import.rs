//! Tests `outdial import`: tables and exports, refused lines, and repeated runs.

use std::fmt::Write;

use mongodb::bson::{Document, doc};
use outdial::domain::User;
use serde_json::Value;
use testkit::{API_KEY, Request, Stage};

use crate::{Folder, fail, outdial, outdial_on, succeed};

const HEADER: &str = "name,email,phone_number,time_zone\n";

fn numbered(numbers: std::ops::Range<u32>) -> String {
    numbers.fold(HEADER.to_owned(), |mut text, number| {
        let _ = writeln!(
            text,
            "Person {number},p{number}@example.com,+1212555{number:04},"
        );
        text
    })
}

fn written(folder: &Folder, text: &str) -> String {
    let path = folder.file("users.csv");
    std::fs::write(&path, text).expect("it can be written");
    path
}

#[tokio::test]
async fn imported_user_is_shown_by_the_api() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let file = written(
        &folder,
        "email,time_zone,name,phone_number\nAda@example.com,Europe/London,\"Lovelace, Ada\",+12125550123\n",
    );
    let variables: std::collections::BTreeMap<_, _> = stage.variables().collect();
    let path = folder.file("variables.json");
    std::fs::write(&path, serde_json::json!(variables).to_string()).expect("it can be written");
    let stdout = succeed(&mut outdial(&["import", &file, "--variables", &path]));
    assert_eq!(stdout, "1 lines: 1 created, 0 already stored, 0 refused\n");
    let router = users::router(users::App::from_settings(&stage.settings()).expect("a stage"));
    let answer = Request::get("/users?email=ada%40EXAMPLE.com")
        .with_key(API_KEY)
        .send(&router)
        .await;
    let user = &answer.json()["users"][0];
    assert_eq!(user["name"], "Lovelace, Ada");
    assert_eq!(user["email"], "Ada@example.com");
    assert_eq!(user["phone_number"], "+12125550123");
    assert_eq!(user["time_zone"], "Europe/London");
}

#[tokio::test]
async fn import_can_be_repeated_and_continued() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let begun = written(&folder, &numbered(0..700));
    let stdout = succeed(&mut outdial_on(&stage, &["import", &begun]));
    assert_eq!(
        stdout,
        "700 lines: 700 created, 0 already stored, 0 refused\n"
    );
    let whole = written(&folder, &numbered(0..1_200));
    let stdout = succeed(&mut outdial_on(&stage, &["import", &whole, "--dry-run"]));
    assert_eq!(
        stdout,
        "1200 lines: 500 to create, 700 already stored, 0 refused\n"
    );
    assert_eq!(stage.count("users").await, 700);
    let stdout = succeed(&mut outdial_on(&stage, &["import", &whole]));
    assert_eq!(
        stdout,
        "1200 lines: 500 created, 700 already stored, 0 refused\n"
    );
    let stdout = succeed(&mut outdial_on(&stage, &["import", &whole]));
    assert_eq!(
        stdout,
        "1200 lines: 0 created, 1200 already stored, 0 refused\n"
    );
    assert_eq!(stage.count("users").await, 1_200);
}

#[tokio::test]
async fn refused_lines_are_numbered_and_show_no_value() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let file = written(
        &folder,
        "name,email,phone_number\n\
         Ada,ada@example.com,+12125550123\n\
         \"Mallory\nof two lines\",mallory@example.com,+12125550124\n\
         Eve,eve(at)example.com,0012125550125\n\
         Ada,ADA@example.com,+12125550123\n\
         Ada Second,ada@example.com,+12125550126\n\
         Bob,bob@example.com,+12125550127\n",
    );
    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["import", &file]));
    assert_eq!(stdout, "6 lines: 2 created, 1 already stored, 3 refused\n");
    for line in [
        "line 3: name must not contain control characters\n",
        "line 3: the line continues to line 4 in quotes\n",
        "line 5: email must be an e-mail address",
        "line 5: phone_number must be a phone number in E.164 format",
        "line 7: email is the address of a user with another name, number or time zone\n",
        "error: lines that were refused: 3",
    ] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
    let personal = ["Mallory", "mallory@", "eve(at)", "00121", "Second"];
    assert!(
        personal.iter().all(|text| !stderr.contains(text)),
        "{stderr}"
    );

    let refused = folder.file("refused.csv");
    let (stdout, stderr) = fail(&mut outdial_on(
        &stage,
        &["import", &file, "--refused", &refused],
    ));
    assert_eq!(stdout, "6 lines: 0 created, 3 already stored, 3 refused\n");
    assert!(!stderr.contains("line 3"), "{stderr}");
    let lines = std::fs::read_to_string(&refused).expect("it is there");
    assert!(lines.starts_with("line,field,reason\n3,name,"), "{lines}");
    assert_eq!(lines.lines().count(), 6, "{lines}");

    let itself = ["import", &file, "--refused", &file];
    let (_, stderr) = fail(&mut outdial_on(&stage, &itself));
    assert!(stderr.contains("--refused would overwrite"), "{stderr}");
    let kept = std::fs::read_to_string(&file).expect("it is there");
    assert!(kept.contains("Mallory"), "{kept}");
    assert_eq!(stage.count("users").await, 2);
}

#[tokio::test]
async fn every_line_swallowed_by_a_quote_is_counted() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let file = written(
        &folder,
        "name,email,phone_number\n\
         Ada,ada@example.com,+12125550123\n\
         \"Eve,eve@example.com,+12125550124\n\
         Bob,bob@example.com,+12125550125\n\
         \"Cy\",cy@example.com,+12125550126\n\
         Dan,dan@example.com,+12125550127\n",
    );
    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["import", &file]));
    assert_eq!(stdout, "5 lines: 2 created, 0 already stored, 3 refused\n");
    assert!(
        stderr.contains("line 3: the line continues to line 5 in quotes\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains("error: lines that were refused: 3"),
        "{stderr}"
    );
}

#[tokio::test]
async fn import_needs_the_unique_index_of_addresses() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let users = stage.database().collection::<Document>("users");
    users
        .drop_index("email_lower_unique")
        .await
        .expect("it is there");
    let file = written(&folder, &numbered(0..3));
    let (_, stderr) = fail(&mut outdial_on(&stage, &["import", &file]));
    assert!(
        stderr.contains("users.email_lower_unique is missing"),
        "{stderr}"
    );
    assert_eq!(stage.count("users").await, 0);
}

#[tokio::test]
async fn unreadable_user_refuses_one_line_only() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let users = stage.database().collection("users");
    let broken = doc! { "name": 17, "email": "p1@example.com", "email_lower": "p1@example.com" };
    users.insert_one(broken).await.expect("it is stored");
    let file = written(&folder, &numbered(0..3));
    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["import", &file]));
    assert_eq!(stdout, "3 lines: 2 created, 0 already stored, 1 refused\n");
    let reason = "line 3: email is the address of a user whose stored document cannot be read";
    assert!(stderr.contains(reason), "{stderr}");
}

#[tokio::test]
async fn spreadsheet_is_imported_and_every_row_is_counted() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let text = "sep=;\r\nName;E-Mail;Phone Number;Time Zone;\r\n\
                \u{a0}Zoë Ångström\u{202f}; zoe@example.com;+12125550123;;\r\n\
                ;;;;\r\n\
                Bob;bob@example.com;1,21256E+10;;\r\n\
                \r\n\
                Zoë Ångström;zoe@example.com;+12125550123;;\r\n";
    let path = folder.file("users.csv");
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    let bytes: Vec<_> = units.flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, bytes).expect("it can be written");
    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["import", &path]));
    assert_eq!(
        stdout,
        "5 lines: 1 created, 1 already stored, 1 refused, 2 blank\n"
    );
    let reason = "line 5: phone_number is in scientific notation, such as 1.21256E+10: Excel has";
    assert!(stderr.contains(reason), "{stderr}");
    let users = stage.database().collection::<User>("users");
    let user = users.find_one(doc! {}).await.expect("the database answers");
    assert_eq!(user.expect("a user").name.as_str(), "Zoë Ångström");
}

#[tokio::test]
async fn unclosed_quote_stops_the_import_after_the_rows_before_it() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let mut text = numbered(0..3);
    text.push_str("\"Eve,eve@example.com,+12125550125,\n");
    text.push_str(numbered(3..9).trim_start_matches(HEADER));
    let file = written(&folder, &text);
    for expected in [
        "10 lines: 3 created, 0 already stored, 7 refused\n",
        "10 lines: 0 created, 3 already stored, 7 refused\n",
    ] {
        let (counts, stderr) = fail(&mut outdial_on(&stage, &["import", &file]));
        assert_eq!(counts, expected);
        let wanted = format!(
            "error: {file}: line 5: a quote opens here and is never closed: lines 5 to 11 were not imported\n"
        );
        assert!(stderr.ends_with(&wanted), "{stderr}");
    }
    assert_eq!(stage.count("users").await, 3);
}

#[tokio::test]
async fn import_restores_an_export() {
    let (stage, other, folder) = (Stage::new().await, Stage::new().await, Folder::new());
    let file = written(&folder, &numbered(0..600));
    succeed(&mut outdial_on(&stage, &["import", &file]));
    let users = stage.database().collection::<Document>("users");
    let of_an_api_key = doc! { "$set": { "created_by": "backend", "time_zone": "Europe/London" } };
    let some = doc! { "email_lower": { "$lt": "p3" } };
    users
        .update_many(some, of_an_api_key)
        .await
        .expect("they are stored");

    succeed(&mut outdial_on(
        &stage,
        &["export", "users", "--folder", &folder.file("backup")],
    ));
    let path = folder.file("backup/users.jsonl");
    let exported = std::fs::read_to_string(&path).expect("it was written");
    assert_eq!(exported.lines().count(), 600);
    for expected in [
        "600 lines: 600 created, 0 already stored, 0 refused\n",
        "600 lines: 0 created, 600 already stored, 0 refused\n",
    ] {
        assert_eq!(
            succeed(&mut outdial_on(&other, &["import", &path])),
            expected
        );
        let again = succeed(&mut outdial_on(&other, &["export", "users"]));
        assert_eq!(again, exported);
    }
}

#[tokio::test]
async fn import_of_an_export_replaces_no_stored_user() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let file = written(&folder, &numbered(0..4));
    succeed(&mut outdial_on(&stage, &["import", &file]));
    let exported = succeed(&mut outdial_on(&stage, &["export", "users"]));
    let mut lines: Vec<Value> = exported
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    let stored = exported.clone();
    lines[0]["name"] = "Somebody Else".into();
    lines[1]["id"] = "65f0a1b2c3d4e5f601234567".into();
    lines[2]["updated_at"] = "2026-01-02T03:04:05.678Z".into();
    let mut text = String::new();
    for line in &lines {
        let _ = writeln!(text, "{line}");
    }
    // The file has one new user, twice.
    lines[3]["id"] = "65f0a1b2c3d4e5f601234568".into();
    lines[3]["email"] = "new@example.com".into();
    let _ = writeln!(text, "{0}\n\n{0}", lines[3]);
    // The import detects the format from the content.
    let path = folder.file("users.txt");
    std::fs::write(&path, format!("{text}nonsense\n")).expect("it can be written");

    let counts = "8 lines: 1 created, 2 already stored, 4 refused, 1 blank\n";
    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["import", &path, "--dry-run"]));
    assert_eq!(stdout, counts.replace("created", "to create"));
    assert!(stderr.contains("line 8: the line is not JSON"), "{stderr}");
    let (stdout, stderr) = fail(&mut outdial_on(&stage, &["import", &path]));
    assert_eq!(stdout, counts);
    for line in [
        "line 1: id is the id of a user who is stored with other values\n",
        "line 2: email is the address of a user with another id\n",
        "line 3: id is the id of a user who is stored with other values\n",
        "line 8: the line is not JSON",
    ] {
        assert!(stderr.contains(line), "{line}: {stderr}");
    }
    let now = succeed(&mut outdial_on(&stage, &["export", "users"]));
    let kept = now.lines().filter(|line| !line.contains("new@example.com"));
    assert!(kept.eq(stored.lines()), "{now}");
    assert_eq!(stage.count("users").await, 5);
}
