//! A small template with every kind of event.

use super::queues::Redrive;
use super::*;

const SMALL: &str = "\
Parameters:
  DialBatchSize:
    Type: Number
    Default: 1
  DialConcurrency:
    Type: String
    Default: '4'
    AllowedPattern: '^[0-9]+$'
Globals:
  Function:
    Timeout: 29

Resources:
  Api:
    Properties:
      Timeout: 1
  Users:
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: users}}
      Events:
        Users: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: '/users'}}
        User: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: '/users/{proxy+}'}}
  Media:
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: media}}
    Properties:
      Timeout: 300
  DialQueue:
    Type: AWS::SQS::Queue
    Properties:
      # Not VisibilityTimeout: 1
      VisibilityTimeout: 180
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DialDeadLetters.Arn, maxReceiveCount: 3}
  DialDeadLetters:
    Type: AWS::SQS::Queue
    Properties:
      MessageRetentionPeriod: 86400
  Dispatch:
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: dispatch}}
    Properties:
      Timeout: 90
      Environment:
        Variables:
          OTHER_QUEUE_URL: !Ref DialQueueOfAnother
          DIAL_QUEUE_URL: !If [HasDialQueue, !Ref DialQueue, !Ref AWS::NoValue]
      Events:
        Schedule: {Type: Schedule, Properties: {Schedule: 'rate(1 minute)', Enabled: true}}
        Hourly:
          Type: ScheduleV2
          Properties:
            ScheduleExpression: rate(2 hours)
        Wake: {Type: SQS, Properties: {Queue: !GetAtt WakeQueue.Arn}}
  Dial:
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: dial}}
    Properties:
      Events:
        Calls:
          Type: SQS
          Properties:
            Queue: !GetAtt DialQueue.Arn
            BatchSize: !Ref DialBatchSize
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: !Ref DialConcurrency}
        Other: {Type: SQS, Properties: {Queue: !GetAtt OtherQueue.Arn, BatchSize: 7}}
  Other:
    Properties:
      Timeout: 2
";

fn function(name: &'static str, seconds: u64) -> Function {
    Function {
        name,
        time_limit: Duration::from_secs(seconds),
        routes: Vec::new(),
        schedules: Vec::new(),
        event_sources: Vec::new(),
    }
}

fn source(queue: &'static str, batch_size: usize, concurrency: usize) -> EventSource {
    EventSource {
        queue,
        batch_size,
        concurrency,
        reports_failures: false,
    }
}

#[test]
fn functions_have_the_time_limits_and_events_of_their_resources() {
    let expected = [
        Function {
            routes: vec!["/users", "/users/{proxy+}"],
            ..function("users", 29)
        },
        Function {
            routes: vec!["/media"],
            ..function("media", 300)
        },
        Function {
            schedules: [60, 7_200].map(Duration::from_secs).into(),
            event_sources: vec![source("WakeQueue", 10, 5)],
            ..function("dispatch", 90)
        },
        Function {
            event_sources: vec![
                EventSource {
                    reports_failures: true,
                    ..source("DialQueue", 1, 4)
                },
                source("OtherQueue", 7, 5),
            ],
            ..function("dial", 29)
        },
    ];
    assert_eq!(functions(SMALL), expected);
}

#[test]
fn queue_has_its_variable_and_its_dead_letters() {
    let redrive = Redrive {
        dead_letters: "DialDeadLetters",
        max_receives: 3,
    };
    let expected = [
        Queue {
            id: "DialQueue",
            variable: Some("DIAL_QUEUE_URL"),
            visibility_seconds: Some(180),
            retention_seconds: None,
            redrive: Some(redrive),
        },
        Queue {
            id: "DialDeadLetters",
            variable: None,
            visibility_seconds: None,
            retention_seconds: Some(86_400),
            redrive: None,
        },
    ];
    assert_eq!(queues(SMALL), expected);
}

#[test]
fn each_queue_of_an_event_source_is_in_the_template() {
    let queues = queues(TEMPLATE);
    let mut sources = 0;
    for function in functions(TEMPLATE) {
        for source in function.event_sources {
            sources += 1;
            let queue = queues.iter().find(|queue| queue.id == source.queue);
            let queue = queue.unwrap_or_else(|| panic!("{} has no queue", function.name));
            assert!(queue.variable.is_some(), "{}", queue.id);
        }
    }
    assert!(sources > 0);
}

#[test]
fn reconcile_is_scheduled() {
    let functions = functions(TEMPLATE);
    let reconcile = functions.iter().find(|one| one.name == "reconcile");
    assert_eq!(
        reconcile.expect("reconcile").schedules,
        [Duration::from_mins(5)]
    );
}
