//! Tests finding, creating, changing, deleting and listing users.

use futures_util::future::join_all;
use mongodb::bson::DateTime;
use outdial::{
    dao::{Cursor, Dao, DaoError, DuplicateKey, List, PageRequest, Position, UserDeletion},
    domain::{Changed, User, UserId, UserUpdate},
};

use crate::support::{call_of, user, with_dao};

#[tokio::test]
async fn user_is_found_by_id_and_by_address_in_any_case() {
    with_dao(async |dao| {
        let ada = user("Ada@Example.com");
        dao.create_user(&ada).await.unwrap();
        let by_id = dao.get_user(ada.user_id()).await.unwrap();
        assert_eq!(by_id.as_ref(), Some(&ada));
        let by_email = dao
            .get_user_by_email(&"aDA@example.COM".parse().unwrap())
            .await;
        assert_eq!(by_email.unwrap(), Some(ada));
        assert_eq!(dao.get_user(UserId::generate()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn concurrent_users_cannot_share_an_address_in_any_case() {
    with_dao(async |dao| {
        let users = ["ada@example.com", "ADA@example.com", "Ada@Example.com"].map(user);
        let results = join_all(users.iter().map(|user| dao.create_user(user))).await;
        let (stored, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(stored.len(), 1);
        for result in refused {
            assert!(
                matches!(result, Err(DaoError::Duplicate(DuplicateKey::Email))),
                "{result:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn repeated_insert_succeeds() {
    with_dao(async |dao| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        dao.create_user(&ada).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn change_affects_only_the_named_fields() {
    with_dao(async |dao| {
        let ada = user("ada@example.com");
        let bob = user("bob@example.com");
        dao.create_user(&ada).await.unwrap();
        dao.create_user(&bob).await.unwrap();
        let email = |text: &str| UserUpdate {
            email: Changed(Some(text.parse().unwrap())),
            ..UserUpdate::default()
        };

        let changed = dao
            .update_user(ada.user_id(), &email("Ada.L@example.com"))
            .await;
        let changed = changed.unwrap().unwrap();
        assert_eq!(changed.email_lower, "ada.l@example.com");
        assert_eq!(changed.name, ada.name);
        assert_eq!(changed.created_at, ada.created_at);

        let taken = dao
            .update_user(ada.user_id(), &email("BOB@example.com"))
            .await;
        assert!(matches!(
            taken,
            Err(DaoError::Duplicate(DuplicateKey::Email))
        ));
        let nobody = dao
            .update_user(UserId::generate(), &email("c@example.com"))
            .await;
        assert_eq!(nobody.unwrap(), None);
        let nothing = dao.update_user(bob.user_id(), &UserUpdate::default()).await;
        assert_eq!(nothing.unwrap(), Some(bob));
    })
    .await;
}

#[tokio::test]
async fn user_with_calls_is_not_deleted() {
    with_dao(async |dao| {
        let (ada, bob) = (user("ada@example.com"), user("bob@example.com"));
        dao.create_user(&ada).await.unwrap();
        dao.create_user(&bob).await.unwrap();
        dao.create_call(&call_of(ada.user_id())).await.unwrap();
        let delete = async |user: &User| dao.delete_user(user.user_id()).await.unwrap();
        assert_eq!(delete(&ada).await, UserDeletion::HasCalls);
        assert_eq!(delete(&bob).await, UserDeletion::Deleted);
        assert_eq!(delete(&bob).await, UserDeletion::NotFound);
        assert!(dao.get_user(ada.user_id()).await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn pages_and_cursors_list_every_user_once_newest_first() {
    with_dao(async |dao| {
        // Groups of three have the same creation time, so `_id` decides.
        let mut users: Vec<_> = (0_i64..11)
            .map(|i| User {
                created_at: DateTime::from_millis(1_000 + i / 3),
                ..user(&format!("u{i}@example.com"))
            })
            .collect();
        for user in &users {
            dao.create_user(user).await.unwrap();
        }
        users.sort_by_key(|user| std::cmp::Reverse((user.created_at, user.id)));

        assert_eq!(by_cursor(dao, 4).await, users);
        assert_eq!(by_cursor(dao, 11).await, users);
        let mut by_page = Vec::new();
        for page in 1..=3 {
            let request = PageRequest {
                size: 4,
                from: Position::Page(page),
            };
            let page = dao.list_users(None, &request).await.unwrap();
            assert_eq!(page.total, Some(11));
            by_page.extend(page.items);
        }
        assert_eq!(by_page, users);
        let behind = PageRequest {
            size: 100,
            from: Position::Page(u32::MAX),
        };
        let behind = dao.list_users(None, &behind).await.unwrap();
        assert_eq!((behind.items, behind.total), (vec![], Some(11)));
    })
    .await;
}

async fn by_cursor(dao: &Dao, size: u32) -> Vec<User> {
    let mut from = Position::Page(1);
    let mut users = Vec::new();
    loop {
        let page = dao
            .list_users(None, &PageRequest { size, from })
            .await
            .unwrap();
        users.extend(page.items);
        let Some(cursor) = page.next_cursor else {
            return users;
        };
        from = Position::Cursor(Cursor::parse(&cursor, &List::Users).unwrap());
    }
}
