//! Users from a file, and nobody twice.

use std::fmt::Write;

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
    assert_eq!(lines.lines().count(), 5, "{lines}");
    assert_eq!(stage.count("users").await, 2);
}

#[tokio::test]
async fn nothing_is_imported_without_the_index_that_keeps_addresses_apart() {
    let (stage, folder) = (Stage::new().await, Folder::new());
    let users = stage
        .database()
        .collection::<mongodb::bson::Document>("users");
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
    let broken = mongodb::bson::doc! { "name": 17, "email": "p1@example.com", "email_lower": "p1@example.com" };
    users.insert_one(broken).await.expect("it is stored");
    let file = written(&folder, &numbered(0..3));
    let (told, said) = fail(&mut xtask_on(&stage, &["import", &file]));
    assert_eq!(told, "3 lines: 2 created, 0 there already, 1 refused\n");
    let reason = "line 3: email is the address of a user whose stored document cannot be read";
    assert!(said.contains(reason), "{said}");
}
