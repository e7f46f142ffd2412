//! Reads the queues, and the variables by which functions know them.

use super::{between, lines, number, resources, split};

/// One queue of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its logical id.
    pub id: &'static str,
    /// The variable with its URL. `None` if no function sends to it.
    pub variable: Option<&'static str>,
    /// The template's `VisibilityTimeout`.
    pub visibility_seconds: Option<u32>,
    /// The template's `MessageRetentionPeriod`.
    pub retention_seconds: Option<u32>,
    /// Its redrive policy, if it has a dead-letter queue.
    pub redrive: Option<Redrive>,
}

/// The redrive policy of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The logical id of the dead-letter queue.
    pub dead_letters: &'static str,
    /// The number of receives after which a message is a dead letter.
    pub max_receives: u32,
}

/// Returns all queues of the template, in its order.
pub fn queues(template: &'static str) -> Vec<Queue> {
    let all = resources(template)
        .filter(|(_, body)| lines(body).any(|line| line.trim() == "Type: AWS::SQS::Queue"));
    all.map(|(id, body)| {
        let number = |key: &str| lines(body).find_map(|line| number(template, line, key));
        let dead_letters =
            lines(body).find_map(|line| between(line, "deadLetterTargetArn: !GetAtt ", '.'));
        Queue {
            id,
            variable: variable(template, id),
            visibility_seconds: number("VisibilityTimeout: "),
            retention_seconds: number("MessageRetentionPeriod: "),
            redrive: dead_letters.zip(number("maxReceiveCount: ")).map(
                |(dead_letters, max_receives)| Redrive {
                    dead_letters,
                    max_receives,
                },
            ),
        }
    })
    .collect()
}

/// Returns the variable of functions that refers to a queue.
fn variable(template: &'static str, queue: &str) -> Option<&'static str> {
    let (_, resources) = split(template);
    lines(resources).find_map(|line| {
        let (name, value) = line.trim().split_once(": ")?;
        let mut references = value.split("!Ref ").skip(1);
        let is_queue = references.any(|reference| {
            let rest = reference.strip_prefix(queue);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
        (name.ends_with("_QUEUE_URL") && is_queue).then_some(name)
    })
}
