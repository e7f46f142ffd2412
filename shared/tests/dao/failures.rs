//! Tests how failures of the database are classified, how long they take, and that they show no data.

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

/// The time within which a caller of the API gets a response if the database is unavailable.
const TIME_LIMIT: Duration = Duration::from_secs(5);

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
async fn malformed_uri_is_an_error_that_does_not_contain_it() {
    let error = Dao::new(&config("mongodb://user:secret@")).err().unwrap();
    assert!(matches!(error, DaoError::Internal(_)));
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn unreachable_server_is_unavailable_in_time() {
    let closed = "127.0.0.1:1";
    let dao = Dao::new(&config(&format!("mongodb://{closed}"))).unwrap();
    let began = Instant::now();
    let result = dao.get_call(CallId::generate()).await;
    assert!(began.elapsed() < TIME_LIMIT);
    assert!(!format!("{result:?}").contains(closed));
    assert_unavailable(result);
}

#[tokio::test]
async fn silent_server_is_unavailable_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let dao = Dao::new(&config(&format!("mongodb://{address}"))).unwrap();
    let began = Instant::now();
    assert_unavailable(dao.ping().await);
    assert!(began.elapsed() < TIME_LIMIT);
}

#[tokio::test]
async fn unresolvable_name_is_unavailable_in_time() {
    let dao = Dao::new(&config("mongodb+srv://nowhere.invalid")).unwrap();
    let began = Instant::now();
    assert_unavailable(dao.ping().await);
    assert!(began.elapsed() < TIME_LIMIT);
}

#[tokio::test]
async fn refused_login_is_reported_without_its_name() {
    let server = server();
    let server = ServerUri::parse(&server).expect("the test server has one address");
    let uri = server.with_login("nobody:secret");
    let dao = Dao::new(&config(&uri)).unwrap();
    let began = Instant::now();
    let result = dao.ping().await;
    assert!(began.elapsed() < TIME_LIMIT);
    assert!(!format!("{result:?}").contains("nobody"));
    assert_login_refused(result);
}

#[tokio::test]
async fn dao_recovers_once_the_server_is_back() {
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

#[tokio::test]
async fn dao_recovers_from_connections_that_the_server_accepts_and_never_answers() {
    with_database(async |_, config| {
        let (uri, proxy) = Proxy::before(&server()).await;
        let uri = SecretString::from(uri);
        let dao = Dao::new(&MongoConfig {
            uri,
            max_pool_size: 2,
            ..config
        })
        .unwrap();
        dao.ping().await.unwrap();
        // Each new connection introduces itself under the driver's name.
        proxy.lose_answers_to(&["mongo-rust-driver", "ping"]);
        for _ in 0..2 {
            let (first, second) = tokio::join!(dao.ping(), dao.ping());
            assert_unavailable(first);
            assert_unavailable(second);
        }
        // The connections so far stay silent.
        proxy.lose_answers_to(&[]);
        dao.ping().await.unwrap();
    })
    .await;
}

/// Fail points belong to the server, not to a database. So these cases run in sequence, under an app name of their own.
#[tokio::test]
async fn transient_server_errors_are_retried_once() {
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
        let fail = async |times: i32, mut fault: Document| {
            fault.insert("failCommands", ["find", "insert"]);
            fault.insert("appName", name);
            let fail_point =
                doc! { "configureFailPoint": "failCommand", "mode": { "times": times }, "data": fault };
            admin.run_command(fail_point).await.expect("the server accepts test commands");
        };

        // A primary steps down, and a connection breaks.
        for transient in [doc! { "errorCode": 189 }, doc! { "closeConnection": true }] {
            fail(1, transient.clone()).await;
            dao.get_user(ada.user_id()).await.unwrap().unwrap();
            fail(1, transient.clone()).await;
            let bob = user(&format!("{}@example.com", UserId::generate()));
            dao.create_user(&bob).await.unwrap();
            fail(2, transient).await;
            assert_unavailable(dao.get_user(ada.user_id()).await);
        }
        // The driver does not retry these: a write conflict, a full disk, and exceeded rate limits.
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
async fn error_does_not_contain_the_unreadable_document() {
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
