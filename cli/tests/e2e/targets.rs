//! The stack and database that a command works on: it prints both first, and refuses a database that is not outdial's.

use std::process::Command;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use outdial::dao::Dao;
use serde_json::json;
use testkit::{Secret, Stage};
use uuid::Uuid;

use crate::{Folder, everything, fail, outdial, outdial_on, succeed};

const USER: &str = "65f0a1b2c3d4e5f601234567";

/// Every command that uses a database, with the file that it needs.
fn commands(folder: &Folder) -> Vec<Vec<String>> {
    let users = folder.file("users.csv");
    let line = "name,email,phone_number\nAda,ada@example.com,+12125550123\n";
    std::fs::write(&users, line).expect("it can be written");
    [
        &["dialing", "off"][..],
        &["dialing", "on"],
        &["dialing", "status"],
        &["dialing", "off", "--cancel-queued"],
        &["indexes"],
        &["import", &users],
        &["export", "users"],
        &["erase", USER, "--yes"],
        &["doctor"],
    ]
    .iter()
    .map(|words| words.iter().map(|&word| word.to_owned()).collect())
    .collect()
}

fn run(stage: &Stage, words: &[String]) -> Command {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    outdial_on(stage, &words)
}

fn stderr(command: &mut Command) -> String {
    let output = command.output().expect("outdial runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns a stage whose database does not exist yet, and that database.
async fn nowhere() -> (Stage, Database) {
    let stage = Stage::with_twilio().await;
    let name = format!("nowhere_{}", Uuid::new_v4().simple());
    let database = stage.database().client().database(&name);
    (stage.set("MONGO_DB", &name), database)
}

async fn is_on(stage: &Stage) -> bool {
    let dao = Dao::new(&stage.settings().mongo().expect("a database")).expect("a URI");
    dao.dialing().await.expect("the database answers").on
}

#[tokio::test(flavor = "multi_thread")]
async fn database_that_is_not_outdials_is_refused_and_unchanged() {
    let (stage, database) = nowhere().await;
    let folder = Folder::new();
    for words in commands(&folder) {
        let (stdout, stderr) = fail(&mut run(&stage, &words));
        let all = format!("{stdout}{stderr}");
        assert!(all.contains(database.name()), "{words:?}: {all}");
        assert!(all.contains("indexes --create"), "{words:?}: {all}");
        assert!(!stdout.contains("dialling is"), "{words:?}: {stdout}");
    }
    let collections = database.list_collection_names().await;
    assert_eq!(collections.expect("the database answers"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_switch_and_foreign_users_do_not_identify_an_outdial_database() {
    let (stage, database) = nowhere().await;
    let insert = async |collection: &str, document: Document| {
        let collection = database.collection::<Document>(collection);
        collection.insert_one(document).await.expect("it is stored");
    };
    // An earlier version of `dialing off` may have stored this document.
    insert("counters", doc! { "_id": "dialing", "on": false }).await;
    insert("users", doc! { "email": "ada@example.com", "plan": "free" }).await;
    let before = everything(&database).await;
    for words in [&["dialing", "on"][..], &["indexes"]] {
        let (_, stderr) = fail(&mut outdial_on(&stage, words));
        for why in [
            "is not an outdial database",
            "outdial databases on this server: ",
        ] {
            assert!(stderr.contains(why), "{stderr}");
        }
    }
    assert_eq!(everything(&database).await, before);
    database.drop().await.expect("the database answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_database_is_prepared_on_request() {
    let (stage, database) = nowhere().await;
    let made = succeed(&mut outdial_on(&stage, &["indexes", "--create"]));
    assert!(made.contains("calls.call_id_unique"), "{made}");
    let again = succeed(&mut outdial_on(&stage, &["indexes"]));
    assert!(again.contains("every index is there"), "{again}");
    let stderr = stderr(&mut outdial_on(&stage, &["dialing", "off"]));
    assert!(
        stderr.contains("but no users, calls or recordings"),
        "{stderr}"
    );
    assert!(!is_on(&stage).await);
    database.drop().await.expect("the database answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_without_indexes_identify_an_outdial_database() {
    let stage = Stage::with_twilio().await;
    stage.user().await;
    for collection in [
        "users",
        "calls",
        "recordings",
        "blocked_numbers",
        "counters",
    ] {
        let collection = stage.database().collection::<Document>(collection);
        collection.drop_indexes().await.expect("they go");
    }
    succeed(&mut outdial_on(&stage, &["dialing", "off"]));
    assert!(!is_on(&stage).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_prints_its_database_first() {
    let stage = Stage::with_twilio().await;
    stage.user().await;
    let folder = Folder::new();
    let uri = stage.variable("MONGO_URI").expect("it is set").to_owned();
    let server = uri.trim_start_matches("mongodb://");
    let server = server.split('/').next().expect("it names a server");
    let database = stage.database().name();
    let line = format!("database {database} on {server}; stack: the environment's variables\n");
    for words in commands(&folder) {
        let stderr = stderr(&mut run(&stage, &words));
        assert!(stderr.starts_with(&line), "{words:?}: {stderr}");
    }
    let with_login = "mongodb://ada:hush-hush@127.0.0.1:1/?replicaSet=hush";
    let stage = stage.clone().set("MONGO_URI", with_login);
    for words in [&["dialing", "status"][..], &["export", "users"]] {
        let stderr = stderr(&mut outdial_on(&stage, words));
        let line = format!("database {database} on 127.0.0.1:1; stack: ");
        assert!(stderr.starts_with(&line), "{words:?}: {stderr}");
        assert!(
            !stderr.contains("hush") && !stderr.contains("ada@"),
            "{stderr}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn file_secret_or_command_line_chooses_the_database() {
    let (one, other) = (Stage::new().await, Stage::new().await);
    let folder = Folder::new();
    let file = folder.file("variables.json");
    let name = other.database().name();
    let uri = other.variable("MONGO_URI").expect("it is set");
    let variables = json!({ "MONGO_URI": uri, "MONGO_DB": name });
    std::fs::write(&file, variables.to_string()).expect("it can be written");
    let secret = Secret::holding(&json!({ "MONGO_URI": uri })).await;
    // The environment names an unreachable server. The options below override it.
    let wrong = one.clone().set("MONGO_URI", "mongodb://127.0.0.1:1/");
    for (words, origin) in [
        (vec!["--variables", &file], file.clone()),
        (
            vec!["--secret", secret.id(), "--database", name],
            format!(
                "the environment's variables, with the secret {}",
                secret.id()
            ),
        ),
        (
            vec!["--uri", uri, "--database", name],
            "the connection string in --uri".to_owned(),
        ),
    ] {
        for (action, on) in [("off", false), ("on", true)] {
            let words = [&["dialing", action][..], &words].concat();
            let mut command = outdial_on(&wrong, &words);
            command
                .env("SECRET_ID", "of-nobody")
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", "tests")
                .env("AWS_SECRET_ACCESS_KEY", "tests");
            let stderr = stderr(&mut command);
            assert!(
                stderr.contains(&format!("; stack: {origin}\n")),
                "{words:?}: {stderr}"
            );
            assert_eq!(is_on(&other).await, on, "{words:?}: {stderr}");
        }
    }
    assert!(is_on(&one).await);
    let counters = one.database().collection::<Document>("counters");
    let switch = counters.find_one(doc! { "_id": "dialing" }).await;
    assert_eq!(switch.expect("the database answers"), None);
    let (_, stderr) = fail(&mut outdial(&["dialing", "off", "--local=1"]));
    assert!(
        stderr.contains("no `cargo xtask dev` runs on port 1"),
        "{stderr}"
    );
    let together = ["indexes", "--uri", uri, "--local"];
    let output = outdial(&together).output().expect("outdial runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn unavailable_or_malformed_server_is_reported_with_its_remedy() {
    for (uri, words) in [
        (
            "mongodb://127.0.0.1:1/?directConnection=true",
            "check that MONGO_URI names a server",
        ),
        ("nonsense", "MONGO_URI is malformed"),
    ] {
        let (_, stderr) = fail(outdial(&["indexes"]).env("MONGO_URI", uri));
        assert!(stderr.contains(words), "{stderr}");
    }
}
