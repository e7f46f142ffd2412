use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use mongodb::bson::{Document, doc};
use outdial::{
    config::MongoConfig,
    dao::{Dao, DaoError},
    domain::{CallId, UserId},
};
use secrecy::SecretString;
use testkit::{Proxy, ServerUri};

use crate::support::{config, server, user, with_database};

/// What the callers of our API are promised while the database is away.
const PROMISED: Duration = Duration::from_secs(5);

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, DaoError>) {
    match result {
        Err(DaoError::Unavailable(_)) => {}
        other => panic!("{other:?} instead of Unavailable"),
    }
}

fn assert_login_refused<T: std::fmt::Debug>(result: Result<T, DaoError>) {
    match result {
        Err(DaoError::LoginRefused(_)) => {}
        other => panic!("{other:?} instead of LoginRefused"),
    }
}

#[tokio::test]
async fn a_malformed_uri_is_an_error_that_does_not_show_it() {
    let error = Dao::new(&config("mongodb://user:secret@")).err().unwrap();
    assert!(matches!(error, DaoError::Internal(_)));
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn a_server_that_is_away_is_told_in_time() {
    let closed = "127.0.0.1:1";
    let dao = Dao::new(&config(&format!("mongodb://{closed}"))).unwrap();
    let began = Instant::now();
    let result = dao.get_call(CallId::generate()).await;
    assert!(began.elapsed() < PROMISED);
    assert!(!format!("{result:?}").contains(closed));
    assert_unavailable(result);
}

#[tokio::test]
async fn a_server_that_never_answers_is_told_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let dao = Dao::new(&config(&format!("mongodb://{address}"))).unwrap();
    let began = Instant::now();
    assert_unavailable(dao.ping().await);
    assert!(began.elapsed() < PROMISED);
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_is_told_in_time() {
    let dao = Dao::new(&config("mongodb+srv://nowhere.invalid")).unwrap();
    let began = Instant::now();
    assert_unavailable(dao.ping().await);
    assert!(began.elapsed() < PROMISED);
}

#[tokio::test]
async fn a_refused_login_is_told_and_not_shown() {
    let server = server();
    let server = ServerUri::parse(&server).expect("the test server is one");
    let uri = server.with_login("nobody:secret");
    let dao = Dao::new(&config(&uri)).unwrap();
    let began = Instant::now();
    let result = dao.ping().await;
    assert!(began.elapsed() < PROMISED);
    assert!(!format!("{result:?}").contains("nobody"));
    assert_login_refused(result);
}

#[tokio::test]
async fn the_same_dao_serves_again_once_the_server_is_back() {
    with_database(async |_, config| {
        let (uri, proxy) = Proxy::before(&server()).await;
        let uri = SecretString::from(uri);
        let dao = Dao::new(&MongoConfig { uri, ..config }).unwrap();
        dao.ping().await.unwrap();
        proxy.cut();
        assert_unavailable(dao.get_user(UserId::generate()).await);
        proxy.restore();
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        assert_eq!(dao.get_user(ada.user_id()).await.unwrap(), Some(ada));
    })
    .await;
}

/// Fail points are the server's, not a database's: these cases come one after the other, under a name of their own.
#[tokio::test]
async fn passing_errors_of_the_server_are_retried_once() {
    with_database(async |database, config| {
        let name = &config.database;
        let separator = if server().contains('?') { '&' } else { '?' };
        let uri = format!("{}{separator}appName={name}", server());
        let dao = Dao::new(&MongoConfig {
            uri: SecretString::from(uri),
            database: name.clone(),
            ..config
        })
        .unwrap();
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        let admin = database.client().database("admin");
        let fail = async |times: i32, mut how: Document| {
            how.insert("failCommands", ["find", "insert"]);
            how.insert("appName", name);
            let fail_point =
                doc! { "configureFailPoint": "failCommand", "mode": { "times": times }, "data": how };
            admin.run_command(fail_point).await.expect("the server takes test commands");
        };

        // A connection that breaks, a primary that steps down.
        for passing in [doc! { "errorCode": 189 }, doc! { "closeConnection": true }] {
            fail(1, passing.clone()).await;
            dao.get_user(ada.user_id()).await.unwrap().unwrap();
            fail(1, passing.clone()).await;
            let bob = user(&format!("{}@example.com", UserId::generate()));
            dao.create_user(&bob).await.unwrap();
            fail(2, passing).await;
            assert_unavailable(dao.get_user(ada.user_id()).await);
        }
        // Those that the driver does not repeat: a conflict with another write, a full disk, a rate that was exceeded.
        for code in [112, 14_031, 462, 16_500] {
            fail(1, doc! { "errorCode": code }).await;
            assert_unavailable(dao.get_user(ada.user_id()).await);
        }
        let carol = user(&format!("{}@example.com", UserId::generate()));
        fail(1, doc! { "errorCode": 112 }).await;
        assert_unavailable(dao.create_user(&carol).await);
        dao.create_user(&carol).await.unwrap();
        let labelled = doc! { "errorCode": 2, "errorLabels": ["TransientTransactionError"] };
        fail(1, labelled).await;
        assert_unavailable(dao.get_user(ada.user_id()).await);
        fail(1, doc! { "errorCode": 13 }).await;
        assert_login_refused(dao.get_user(ada.user_id()).await);
        fail(1, doc! { "errorCode": 2 }).await;
        let refused = dao.get_user(ada.user_id()).await;
        assert!(matches!(refused, Err(DaoError::Internal(_))), "{refused:?}");
        let off = doc! { "configureFailPoint": "failCommand", "mode": "off" };
        admin.run_command(off).await.unwrap();
        dao.get_user(ada.user_id()).await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_stored_document_that_cannot_be_read_is_not_shown() {
    with_database(async |database, config| {
        let dao = Dao::new(&config).unwrap();
        let id = UserId::generate();
        let broken = doc! { "_id": id.object_id(), "name": 1, "email": "ada@example.com" };
        database
            .collection("users")
            .insert_one(broken)
            .await
            .unwrap();
        let error = dao.get_user(id).await.unwrap_err();
        assert!(matches!(error, DaoError::Internal(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("ada"));
    })
    .await;
}
