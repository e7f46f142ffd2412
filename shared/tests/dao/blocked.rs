//! Tests the block list, and the look-up before a call is placed.

use futures_util::future::join_all;
use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    dao::{Cursor, List, PageRequest, Position},
    domain::{BlockedNumber, PhoneNumber, UserId},
};

use crate::support::{user, with_dao};

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

fn blocked(text: &str) -> BlockedNumber {
    BlockedNumber {
        id: ObjectId::new(),
        number: number(text),
        reason: Some("asked us not to".parse().unwrap()),
        created_by: Some("backend".to_owned()),
        created_at: DateTime::now(),
    }
}

#[tokio::test]
async fn number_is_blocked_once_and_unblocked_once() {
    with_dao(async |dao| {
        let first = blocked("+12125550123");
        assert_eq!(dao.block_number(&first).await.unwrap(), None);
        let again = dao.block_number(&blocked("+12125550123")).await.unwrap();
        assert_eq!(again, Some(first.clone()));
        let found = dao.get_blocked_number(&first.number).await.unwrap();
        assert_eq!(found, Some(first.clone()));
        assert!(dao.unblock_number(&first.number).await.unwrap());
        assert!(!dao.unblock_number(&first.number).await.unwrap());
        assert_eq!(dao.get_blocked_number(&first.number).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn concurrent_blocks_of_a_number_create_one_entry() {
    with_dao(async |dao| {
        let blocks = join_all((0..20).map(async |_| {
            let mine = blocked("+12125550123");
            dao.block_number(&mine).await.unwrap()
        }))
        .await;
        let new = blocks.iter().filter(|first| first.is_none()).count();
        assert_eq!(new, 1);
        let page = PageRequest {
            size: 10,
            from: Position::Page(1),
        };
        let listed = dao.list_blocked_numbers(&page).await.unwrap();
        assert_eq!(listed.total, Some(1));
        assert!(
            blocks
                .iter()
                .flatten()
                .all(|first| *first == listed.items[0])
        );
    })
    .await;
}

#[tokio::test]
async fn blocked_numbers_are_listed_newest_first_and_by_cursor() {
    with_dao(async |dao| {
        for at in 0..5 {
            let mut one = blocked(&format!("+1212555012{at}"));
            one.created_at = DateTime::from_millis(1_800_000_000_000 + at / 2);
            dao.block_number(&one).await.unwrap();
        }
        let mut seen = Vec::new();
        let mut from = Position::Page(1);
        loop {
            let page = dao
                .list_blocked_numbers(&PageRequest { size: 2, from })
                .await
                .unwrap();
            seen.extend(page.items);
            let Some(next) = page.next_cursor else { break };
            from = Position::Cursor(Cursor::parse(&next, &List::BlockedNumbers).unwrap());
        }
        assert_eq!(seen.len(), 5);
        assert!(
            seen.windows(2)
                .all(|pair| (pair[0].created_at, pair[0].id) > (pair[1].created_at, pair[1].id))
        );
    })
    .await;
}

#[tokio::test]
async fn block_list_and_switch_are_read_with_the_user() {
    with_dao(async |dao| {
        let ada = user("ada@example.com");
        dao.create_user(&ada).await.unwrap();
        dao.block_number(&blocked("+12125550199")).await.unwrap();
        let to = number("+12125550123");
        let spellings = [to.clone(), number("+112125550123")];
        let look = async || dao.get_callee(ada.user_id(), &spellings).await.unwrap();
        let callee = look().await.unwrap();
        assert_eq!(callee.user.id, ada.id);
        assert!(callee.blocked.is_empty() && callee.dialing.on);

        dao.block_number(&blocked("+112125550123")).await.unwrap();
        let callee = look().await.unwrap();
        assert_eq!(callee.blocked, [number("+112125550123")]);
        dao.unblock_number(&number("+112125550123")).await.unwrap();

        dao.block_number(&blocked("+12125550123")).await.unwrap();
        dao.switch_dialing(false, Some("fraud"), None)
            .await
            .unwrap();
        let callee = look().await.unwrap();
        assert!(callee.blocked == [to] && !callee.dialing.on);
        assert_eq!(callee.dialing.reason.as_deref(), Some("fraud"));
        assert_eq!(
            dao.get_callee(UserId::generate(), &spellings)
                .await
                .unwrap(),
            None
        );
    })
    .await;
}
