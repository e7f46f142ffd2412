//! Tests the queue client on a real SQS server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use outdial::aws::sqs;
use serde_json::json;
use testkit::Queue;

fn client(url: &str) -> sqs::Queue {
    sqs::Queue::new(url.parse().unwrap())
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Takes all messages from the queue, and returns their numbers in order.
async fn received(queue: &Queue) -> Vec<u64> {
    let messages = queue.receive_all().await;
    let numbers = messages.iter().filter_map(serde_json::Value::as_u64);
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn messages_are_sent_alone_and_in_batches() {
    let queue = Queue::new().await;
    let client = client(queue.url());
    client.send("1").await.unwrap();
    client.send_json(&json!({ "call_id": "a" })).await.unwrap();
    let mut sent = queue.receive_all().await;
    sent.sort_by_key(ToString::to_string);
    assert_eq!(sent, [json!(1), json!({ "call_id": "a" })]);

    for count in [0, 1, 10, 23] {
        assert_eq!(client.send_all(numbered(count)).await, [], "{count}");
        let expected: Vec<_> = (0..count as u64).collect();
        assert_eq!(received(&queue).await, expected);
    }
}

#[tokio::test]
async fn refused_batch_does_not_stop_the_others() {
    let queue = Queue::new().await;
    let mut bodies = numbered(23);
    bodies[12] = "x".repeat(2_000_000);
    let not_sent = client(queue.url()).send_all(bodies).await;
    let indexes: Vec<_> = not_sent.iter().map(|message| message.index).collect();
    assert_eq!(indexes, (10..20).collect::<Vec<_>>(), "{not_sent:?}");
    let expected: Vec<_> = (0..10).chain(20..23).collect();
    assert_eq!(received(&queue).await, expected);
}

#[tokio::test]
async fn missing_queue_is_an_error_for_every_message() {
    let missing = client(&format!("{}-missing", Queue::new().await.url()));
    let error = missing.send("1").await.unwrap_err();
    let not_sent = missing.send_all(numbered(12)).await;
    assert_eq!(not_sent.len(), 12);
    for (index, message) in not_sent.iter().enumerate() {
        assert_eq!((message.index, &message.error), (index, &error));
    }
    assert!(error.to_string().contains("NonExistentQueue"), "{error}");
}
