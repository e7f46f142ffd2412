//! Users from a file, and nobody twice.

use std::fmt::Write;

use mongodb::bson::{Document, doc};
use outdial::domain::User;
use serde_json::Value;
use testkit::{API_KEY, Request, Stage};

use crate::{Folder, fail, succeed, xtask, xtask_on};

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
async fn a_user_of_the_file_is_one_of_the_api() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let file = written(
        &folder,
        "email,time_zone,name,phone_number\nAda@example.com,Europe/London,\"Lovelace, Ada\",+12125550123\n",
    );
    let variables: std::collections::BTreeMap<_, _> = stage.variables().collect();
    let path = folder.file("variables.json");
    std::fs::write(&path, serde_json::json!(variables).to_string()).expect("it can be written");
    let told = succeed(&mut xtask(&["import", &file, "--variables", &path]));
    assert_eq!(told, "1 lines: 1 created, 0 there already, 0 refused\n");
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
async fn a_file_may_be_imported_again_and_continued() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let begun = written(&folder, &numbered(0..700));
    let told = succeed(&mut xtask_on(&stage, &["import", &begun]));
    assert_eq!(told, "700 lines: 700 created, 0 there already, 0 refused\n");
    let whole = written(&folder, &numbered(0..1_200));
    let told = succeed(&mut xtask_on(&stage, &["import", &whole, "--dry-run"]));
    assert_eq!(
        told,
        "1200 lines: 500 to create, 700 there already, 0 refused\n"
    );
    assert_eq!(stage.count("users").await, 700);
    let told = succeed(&mut xtask_on(&stage, &["import", &whole]));
    assert_eq!(
        told,
        "1200 lines: 500 created, 700 there already, 0 refused\n"
    );
    let told = succeed(&mut xtask_on(&stage, &["import", &whole]));
    assert_eq!(
        told,
        "1200 lines: 0 created, 1200 there already, 0 refused\n"
    );
    assert_eq!(stage.count("users").await, 1_200);
}

#[tokio::test]
async fn a_line_that_is_refused_is_told_by_its_number_and_without_a_value() {
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
    let (told, said) = fail(&mut xtask_on(&stage, &["import", &file]));
    assert_eq!(told, "6 lines: 2 created, 1 there already, 3 refused\n");
    for line in [
        "line 3: name must not contain control characters\n",
        "line 3: the line goes on to line 4, in quotes\n",
        "line 5: email must be an e-mail address",
        "line 5: phone_number must be a telephone number",
        "line 7: email is the address of a user with another name, number or time zone\n",
        "error: lines that were refused: 3",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let personal = ["Mallory", "mallory@", "eve(at)", "00121", "Second"];
    assert!(personal.iter().all(|text| !said.contains(text)), "{said}");

    let refused = folder.file("refused.csv");
    let (told, said) = fail(&mut xtask_on(
        &stage,
        &["import", &file, "--refused", &refused],
    ));
    assert_eq!(told, "6 lines: 0 created, 3 there already, 3 refused\n");
    assert!(!said.contains("line 3"), "{said}");
    let lines = std::fs::read_to_string(&refused).expect("it is there");
    assert!(lines.starts_with("line,field,reason\n3,name,"), "{lines}");
    assert_eq!(lines.lines().count(), 6, "{lines}");

    let itself = ["import", &file, "--refused", &file];
    let (_, said) = fail(&mut xtask_on(&stage, &itself));
    assert!(said.contains("--refused would overwrite"), "{said}");
    let kept = std::fs::read_to_string(&file).expect("it is there");
    assert!(kept.contains("Mallory"), "{kept}");
    assert_eq!(stage.count("users").await, 2);
}

#[tokio::test]
async fn every_line_that_a_quote_has_swallowed_is_counted() {
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
    let (told, said) = fail(&mut xtask_on(&stage, &["import", &file]));
    assert_eq!(told, "5 lines: 2 created, 0 there already, 3 refused\n");
    assert!(
        said.contains("line 3: the line goes on to line 5, in quotes\n"),
        "{said}"
    );
    assert!(said.contains("error: lines that were refused: 3"), "{said}");
}

#[tokio::test]
async fn nothing_is_imported_without_the_index_that_keeps_addresses_apart() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let users = stage.database().collection::<Document>("users");
    users
        .drop_index("email_lower_unique")
        .await
        .expect("it is there");
    let file = written(&folder, &numbered(0..3));
    let (_, said) = fail(&mut xtask_on(&stage, &["import", &file]));
    assert!(
        said.contains("users.email_lower_unique is missing"),
        "{said}"
    );
    assert_eq!(stage.count("users").await, 0);
}

#[tokio::test]
async fn an_unreadable_user_refuses_one_line_alone() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let users = stage.database().collection("users");
    let broken = doc! { "name": 17, "email": "p1@example.com", "email_lower": "p1@example.com" };
    users.insert_one(broken).await.expect("it is stored");
    let file = written(&folder, &numbered(0..3));
    let (told, said) = fail(&mut xtask_on(&stage, &["import", &file]));
    assert_eq!(told, "3 lines: 2 created, 0 there already, 1 refused\n");
    let reason = "line 3: email is the address of a user whose stored document cannot be read";
    assert!(said.contains(reason), "{said}");
}

#[tokio::test]
async fn a_spreadsheets_file_is_imported_and_every_row_is_counted() {
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
    let (told, said) = fail(&mut xtask_on(&stage, &["import", &path]));
    assert_eq!(
        told,
        "5 lines: 1 created, 1 there already, 1 refused, 2 blank\n"
    );
    let reason = "line 5: phone_number is in scientific notation, such as 1.21256E+10: Excel has";
    assert!(said.contains(reason), "{said}");
    let users = stage.database().collection::<User>("users");
    let user = users.find_one(doc! {}).await.expect("the database answers");
    assert_eq!(user.expect("a user").name.as_str(), "Zoë Ångström");
}

#[tokio::test]
async fn a_quote_that_is_never_closed_stops_the_import_behind_the_rows_before() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let mut text = numbered(0..3);
    text.push_str("\"Eve,eve@example.com,+12125550125,\n");
    text.push_str(numbered(3..9).trim_start_matches(HEADER));
    let file = written(&folder, &text);
    for told in [
        "10 lines: 3 created, 0 there already, 7 refused\n",
        "10 lines: 0 created, 3 there already, 7 refused\n",
    ] {
        let (counts, said) = fail(&mut xtask_on(&stage, &["import", &file]));
        assert_eq!(counts, told);
        let wanted = format!(
            "error: {file}: line 5: a quote opens here and is never closed: lines 5 to 11 were not imported\n"
        );
        assert!(said.ends_with(&wanted), "{said}");
    }
    assert_eq!(stage.count("users").await, 3);
}

#[tokio::test]
async fn an_export_is_imported_as_it_was() {
    let (stage, other, folder) = (Stage::new().await, Stage::new().await, Folder::new());
    let file = written(&folder, &numbered(0..600));
    succeed(&mut xtask_on(&stage, &["import", &file]));
    let users = stage.database().collection::<Document>("users");
    let of_an_api_key = doc! { "$set": { "created_by": "backend", "time_zone": "Europe/London" } };
    let some = doc! { "email_lower": { "$lt": "p3" } };
    users
        .update_many(some, of_an_api_key)
        .await
        .expect("they are stored");

    succeed(&mut xtask_on(
        &stage,
        &["export", "users", "--folder", &folder.file("backup")],
    ));
    let path = folder.file("backup/users.jsonl");
    let exported = std::fs::read_to_string(&path).expect("it was written");
    assert_eq!(exported.lines().count(), 600);
    for told in [
        "600 lines: 600 created, 0 there already, 0 refused\n",
        "600 lines: 0 created, 600 there already, 0 refused\n",
    ] {
        assert_eq!(succeed(&mut xtask_on(&other, &["import", &path])), told);
        let again = succeed(&mut xtask_on(&other, &["export", "users"]));
        assert_eq!(again, exported);
    }
}

#[tokio::test]
async fn an_exported_user_replaces_nobody() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let file = written(&folder, &numbered(0..4));
    succeed(&mut xtask_on(&stage, &["import", &file]));
    let exported = succeed(&mut xtask_on(&stage, &["export", "users"]));
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
    // One is new, and there twice.
    lines[3]["id"] = "65f0a1b2c3d4e5f601234568".into();
    lines[3]["email"] = "new@example.com".into();
    let _ = writeln!(text, "{0}\n\n{0}", lines[3]);
    // Known by its content, whatever its name.
    let path = folder.file("users.txt");
    std::fs::write(&path, format!("{text}nonsense\n")).expect("it can be written");

    let counts = "8 lines: 1 created, 2 there already, 4 refused, 1 blank\n";
    let (told, said) = fail(&mut xtask_on(&stage, &["import", &path, "--dry-run"]));
    assert_eq!(told, counts.replace("created", "to create"));
    assert!(said.contains("line 8: the line is not JSON"), "{said}");
    let (told, said) = fail(&mut xtask_on(&stage, &["import", &path]));
    assert_eq!(told, counts);
    for line in [
        "line 1: id is that of a user who is stored with other values\n",
        "line 2: email is the address of a user with another id\n",
        "line 3: id is that of a user who is stored with other values\n",
        "line 8: the line is not JSON",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let now = succeed(&mut xtask_on(&stage, &["export", "users"]));
    let kept = now.lines().filter(|line| !line.contains("new@example.com"));
    assert!(kept.eq(stored.lines()), "{now}");
    assert_eq!(stage.count("users").await, 5);
}
