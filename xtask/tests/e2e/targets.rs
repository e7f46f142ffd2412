//! Which stack and database a command works on: it says so first, and refuses a database that is not outdial's.

use std::process::Command;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use outdial::dao::Dao;
use serde_json::json;
use testkit::{Secret, Stage};
use uuid::Uuid;

use crate::{Folder, everything, fail, succeed, xtask, xtask_on};

const USER: &str = "65f0a1b2c3d4e5f601234567";

/// Every command that goes to a database, as harmless as it gets, with the file that it needs.
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
    xtask_on(stage, &words)
}

fn stderr(command: &mut Command) -> String {
    let output = command.output().expect("xtask runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A database of no service's on the same server, and a stage that names it.
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
async fn a_database_that_is_not_outdials_is_refused_and_stays_as_it_is() {
    let (stage, database) = nowhere().await;
    let folder = Folder::new();
    for words in commands(&folder) {
        let (told, said) = fail(&mut run(&stage, &words));
        let all = format!("{told}{said}");
        assert!(all.contains(database.name()), "{words:?}: {all}");
        assert!(all.contains("indexes --create"), "{words:?}: {all}");
        assert!(!told.contains("dialling is"), "{words:?}: {told}");
    }
    let collections = database.list_collection_names().await;
    assert_eq!(collections.expect("the database answers"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_alone_and_another_services_users_make_no_database_of_outdials() {
    let (stage, database) = nowhere().await;
    let insert = async |collection: &str, document: Document| {
        let collection = database.collection::<Document>(collection);
        collection.insert_one(document).await.expect("it is stored");
    };
    // What `dialing off` of an earlier version has left there.
    insert("counters", doc! { "_id": "dialing", "on": false }).await;
    insert("users", doc! { "email": "ada@example.com", "plan": "free" }).await;
    let before = everything(&database).await;
    for words in [&["dialing", "on"][..], &["indexes"]] {
        let (_, said) = fail(&mut xtask_on(&stage, words));
        for why in [
            "is not an outdial database",
            "outdial databases on this server: ",
        ] {
            assert!(said.contains(why), "{said}");
        }
    }
    assert_eq!(everything(&database).await, before);
    database.drop().await.expect("the database answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_is_made_when_it_is_asked_for() {
    let (stage, database) = nowhere().await;
    let made = succeed(&mut xtask_on(&stage, &["indexes", "--create"]));
    assert!(made.contains("calls.call_id_unique"), "{made}");
    let again = succeed(&mut xtask_on(&stage, &["indexes"]));
    assert!(again.contains("every index is there"), "{again}");
    let said = stderr(&mut xtask_on(&stage, &["dialing", "off"]));
    assert!(said.contains("but no users, calls or recordings"), "{said}");
    assert!(!is_on(&stage).await);
    database.drop().await.expect("the database answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_an_older_version_without_indexes_are_enough() {
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
    succeed(&mut xtask_on(&stage, &["dialing", "off"]));
    assert!(!is_on(&stage).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_says_first_which_database_it_works_on() {
    let stage = Stage::with_twilio().await;
    stage.user().await;
    let folder = Folder::new();
    let uri = stage.variable("MONGO_URI").expect("it is set").to_owned();
    let server = uri.trim_start_matches("mongodb://");
    let server = server.split('/').next().expect("it names a server");
    let database = stage.database().name();
    let line = format!("database {database} on {server}; stack: the environment's variables\n");
    for words in commands(&folder) {
        let said = stderr(&mut run(&stage, &words));
        assert!(said.starts_with(&line), "{words:?}: {said}");
    }
    let with_login = "mongodb://ada:hush-hush@127.0.0.1:1/?replicaSet=hush";
    let stage = stage.clone().set("MONGO_URI", with_login);
    for words in [&["dialing", "status"][..], &["export", "users"]] {
        let said = stderr(&mut xtask_on(&stage, words));
        let line = format!("database {database} on 127.0.0.1:1; stack: ");
        assert!(said.starts_with(&line), "{words:?}: {said}");
        assert!(!said.contains("hush") && !said.contains("ada@"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_that_of_the_file_the_secret_or_the_command_line_and_of_nothing_else() {
    let (one, other) = (Stage::new().await, Stage::new().await);
    let folder = Folder::new();
    let file = folder.file("variables.json");
    let name = other.database().name();
    let uri = other.variable("MONGO_URI").expect("it is set");
    let variables = json!({ "MONGO_URI": uri, "MONGO_DB": name });
    std::fs::write(&file, variables.to_string()).expect("it can be written");
    let secret = Secret::holding(&json!({ "MONGO_URI": uri })).await;
    // A connection string that leads nowhere, and the name of a database that must not be touched.
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
            let mut command = xtask_on(&wrong, &words);
            command
                .env("SECRET_ID", "of-nobody")
                .env("AWS_REGION", "us-east-1")
                .env("AWS_ACCESS_KEY_ID", "tests")
                .env("AWS_SECRET_ACCESS_KEY", "tests");
            let said = stderr(&mut command);
            assert!(
                said.contains(&format!("; stack: {origin}\n")),
                "{words:?}: {said}"
            );
            assert_eq!(is_on(&other).await, on, "{words:?}: {said}");
        }
    }
    assert!(is_on(&one).await);
    assert_eq!(one.count("counters").await, 0);
    let (_, said) = fail(&mut xtask(&["dialing", "off", "--local=1"]));
    assert!(
        said.contains("no `cargo xtask dev` runs on port 1"),
        "{said}"
    );
    let together = ["indexes", "--uri", uri, "--local"];
    let output = xtask(&together).output().expect("xtask runs");
    assert_eq!(output.status.code(), Some(2));
}
