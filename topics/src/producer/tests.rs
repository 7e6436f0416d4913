use super::*;
use crate::embedded::EmbeddedBroker;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Error};

const TOPIC: &str = "sales.orders.v1";

fn limits() -> ProducerLimits {
    ProducerLimits { queue_bytes: 1 << 20, queue_records: 1000, delivery_timeout: Duration::from_secs(10) }
}

fn config(broker: &EmbeddedBroker, more: &[(&str, &str)]) -> KafkaConfig {
    let mut config = KafkaConfig::default();
    config.properties.insert("bootstrap.servers".into(), broker.bootstrap_servers().into());
    config.properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    config
}

fn broker() -> EmbeddedBroker {
    let broker = EmbeddedBroker::start().expect("the mock cluster starts");
    broker.create_topic(TOPIC, 3).expect("the topic is made");
    broker
}

fn record<'a>(key: &'a str, value: &'a [u8]) -> Record<'a> {
    Record { topic: TOPIC, key: Some(key.as_bytes()), value: Some(value), headers: &[("ce_id", b"1")] }
}

async fn publish(producer: &Producer, records: &[Record<'_>]) -> Vec<Delivery> {
    let cost = records.iter().map(Producer::cost).sum();
    let mut admission = producer.admit(records.len(), cost).expect("there is room");
    records.iter().for_each(|record| admission.send(*record));
    admission.outcomes(soon()).await
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Waits for a condition, for as long as a test may take.
async fn until(what: &str, condition: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "never {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

fn is_published(outcome: &Delivery) -> bool {
    matches!(outcome, Delivery::Published { .. })
}

#[tokio::test]
async fn every_record_gets_its_place() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    let outcomes = publish(&producer, &[record("a", b"1"), record("a", b"2"), record("a", b"3")]).await;
    let places: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            Delivery::Published { partition, offset } => (partition, offset),
            other => panic!("{other:?}"),
        })
        .collect();
    let partition = places[0].0;
    assert_eq!(places, [(partition, 0), (partition, 1), (partition, 2)], "in order, in one partition");
    assert_eq!(producer.stats().queue_records, 0);
    assert_eq!(producer.stats().queue_bytes, 0);
    assert_eq!(producer.close(Duration::from_secs(5)).await, 0);
    assert_eq!(producer.admit(1, 1).map(drop), Err(Refused::Closed));
}

#[tokio::test]
async fn a_request_is_admitted_whole_or_not_at_all() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    let limit = limits();
    let half = producer.admit(600, limit.queue_bytes / 2).expect("there is room");
    let check = |records, bytes, expect: Result<(), Refused>| {
        assert_eq!(producer.admit(records, bytes).map(drop), expect, "{records} records, {bytes} bytes");
    };
    let full = || Err(Refused::Full { retry_after: Duration::from_secs(1) });
    check(400, limit.queue_bytes / 2, Ok(()));
    check(401, 1, full());
    check(1, limit.queue_bytes / 2 + 1, full());
    let too_large = |needed, limit, unit| Err(Refused::TooLarge { needed, limit, unit });
    check(1, limit.queue_bytes + 1, too_large(limit.queue_bytes + 1, limit.queue_bytes, "bytes"));
    check(1001, 1, too_large(1001, 1000, "records"));
    drop(half);
    check(1000, limit.queue_bytes, Ok(()));
    assert_eq!((producer.stats().queue_records, producer.stats().queue_bytes), (0, 0), "all room was given back");
}

#[tokio::test]
async fn more_than_was_admitted_is_not_sent() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    let one = record("a", b"1");
    let mut admission = producer.admit(2, Producer::cost(&one)).expect("there is room");
    for _ in 0..3 {
        admission.send(one);
    }
    let outcomes = admission.outcomes(soon()).await;
    assert!(is_published(&outcomes[0]), "{outcomes:?}");
    assert!(outcomes[1..].iter().all(|outcome| matches!(outcome, Delivery::Failed { .. })), "{outcomes:?}");
    assert_eq!((producer.stats().queue_records, producer.stats().queue_bytes), (0, 0));
}

#[tokio::test]
async fn a_record_that_is_too_large_is_rejected_alone() {
    let broker = broker();
    let config = config(&broker, &[("message.max.bytes", "2000")]);
    let producer = Producer::new(&config, limits()).expect("a producer");
    let outcomes = publish(&producer, &[record("a", b"1"), record("a", &[0; 3000]), record("a", b"2")]).await;
    assert!(is_published(&outcomes[0]) && is_published(&outcomes[2]), "{outcomes:?}");
    let Delivery::Rejected { reason } = &outcomes[1] else { panic!("{outcomes:?}") };
    assert!(reason.contains("message.max.bytes"), "{reason}");
}

#[tokio::test]
async fn a_missing_topic_fails_soon_and_says_the_way_out() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    let start = Instant::now();
    let missing = Record { topic: "sales.nowhere.v1", ..record("a", b"1") };
    let outcomes = publish(&producer, &[missing]).await;
    let Delivery::Failed { reason } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(reason.contains("tidegate apply"), "{reason}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());

    // Once it is there, it is found without a restart.
    broker.create_topic("sales.nowhere.v1", 1).expect("the topic is made");
    let mut outcomes = publish(&producer, &[missing]).await;
    while !is_published(&outcomes[0]) {
        assert!(start.elapsed() < Duration::from_secs(15), "{outcomes:?}");
        outcomes = publish(&producer, &[missing]).await;
    }
}

#[tokio::test]
async fn without_a_broker_requests_are_refused_until_it_is_back() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    assert!(is_published(&publish(&producer, &[record("a", b"1")]).await[0]));
    broker.with(|cluster| cluster.broker_down(-1)).expect("alive").expect("it goes down");
    until("refused", || matches!(producer.admit(1, 2000), Err(Refused::Unreachable { .. }))).await;
    broker.with(|cluster| cluster.broker_up(-1)).expect("alive").expect("it comes up");
    let took = until("admitted", || producer.admit(1, 2000).is_ok()).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(is_published(&publish(&producer, &[record("a", b"2")]).await[0]));
}

#[tokio::test]
async fn a_broker_that_was_never_there_is_refused_too() {
    let mut config = KafkaConfig::default();
    config.properties.insert("bootstrap.servers".into(), "127.0.0.1:1".into());
    let producer = Producer::new(&config, limits()).expect("a producer");
    until("refused", || matches!(producer.admit(1, 2000), Err(Refused::Unreachable { .. }))).await;
    assert!(producer.unreachable().is_some_and(|reason| reason.contains("is the address right")));
}

/// A record that the broker got and did not ack is unknown; one that never left is failed.
#[tokio::test]
async fn what_was_sent_is_unknown_and_what_was_not_is_failed() {
    let broker = broker();
    let limits = ProducerLimits { delivery_timeout: Duration::from_secs(3), ..limits() };
    let producer = Producer::new(&config(&broker, &[]), limits).expect("a producer");
    assert!(is_published(&publish(&producer, &[record("a", b"1")]).await[0]));

    // The broker takes the request and answers too late.
    broker.with(|cluster| cluster.broker_round_trip_time(-1, Duration::from_secs(60))).expect("alive").expect("slow");
    let outcomes = publish(&producer, &[record("a", b"2")]).await;
    assert!(matches!(&outcomes[0], Delivery::Unknown { .. }), "{outcomes:?}");

    // It is gone before anything can be sent.
    broker
        .with(|cluster| {
            cluster.broker_round_trip_time(-1, Duration::ZERO)?;
            cluster.broker_down(-1)
        })
        .expect("alive")
        .expect("it goes down");
    let started = Instant::now();
    let one = record("b", b"3");
    let Ok(mut admission) = producer.admit(1, Producer::cost(&one)) else {
        panic!("a broker that has only just gone may be back in time")
    };
    admission.send(one);
    let outcomes = admission.outcomes(soon()).await;
    assert!(matches!(&outcomes[0], Delivery::Failed { .. }), "{outcomes:?}");
    assert!(started.elapsed() <= Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_outcome_later_than_the_deadline_is_unknown() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    broker.with(|cluster| cluster.broker_round_trip_time(-1, Duration::from_secs(2))).expect("alive").expect("slow");
    let one = record("a", b"1");
    let mut admission = producer.admit(1, Producer::cost(&one)).expect("there is room");
    admission.send(one);
    let start = Instant::now();
    let outcomes = admission.outcomes(start + Duration::from_millis(100)).await;
    assert!(matches!(&outcomes[0], Delivery::Unknown { .. }), "{outcomes:?}");
    assert!(start.elapsed() < Duration::from_millis(150), "{:?}", start.elapsed());
    // Its room is given back when librdkafka lets it go, not before.
    assert_eq!(producer.stats().queue_records, 1);
    until("given back", || producer.stats().queue_records == 0).await;
}

/// faults.md, row 4: what librdkafka calls fatal, on a batch that was retried.
#[tokio::test]
async fn a_fatal_error_replaces_the_producer_and_every_record_has_a_status() {
    let retried = Error::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    let out_of_order = Error::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    let forgotten = Error::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID;
    let old_epoch = Error::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    let one = check_fatal(vec![retried, out_of_order], 1).await;
    let other = check_fatal(vec![retried, forgotten], 1).await;
    // A busy machine may hold one of them up.
    assert!(one.min(other) <= Duration::from_secs(1), "first acks after {one:?} and {other:?}");
    // This one librdkafka gets over by itself.
    check_fatal(vec![retried, old_epoch], 0).await;
}

/// Returns how long the first ack took.
async fn check_fatal(on_produce: Vec<Error>, rebuilds: u64) -> Duration {
    let what = format!("{on_produce:?}");
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    assert!(is_published(&publish(&producer, &[record("a", b"1")]).await[0]));
    broker
        .with(move |cluster| {
            cluster.request_errors(Api::Produce, &on_produce);
        })
        .expect("alive");
    let values: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let records: Vec<_> = values.iter().map(|value| record("a", value.as_bytes())).collect();
    let outcomes = publish(&producer, &records).await;
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes.iter().all(|outcome| !is_published(outcome)), "{what}: {outcomes:?}");
    let start = Instant::now();
    until("rebuilt", || producer.stats().rebuilds == rebuilds && producer.admit(1, 2000).is_ok()).await;
    assert!(is_published(&publish(&producer, &[record("a", b"2")]).await[0]));
    let took = start.elapsed();
    assert_eq!(producer.stats().queue_records, 0);
    assert_eq!(producer.close(Duration::from_secs(5)).await, 0);
    took
}

/// What would only break again is not made anew all the time, and requests hear why.
#[tokio::test]
async fn a_producer_that_may_not_produce_says_so() {
    let broker = broker();
    broker
        .with(|cluster| {
            let denied = [Error::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED; 3];
            cluster.request_errors(Api::InitProducerId, &denied);
        })
        .expect("alive");
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    until(
        "refused",
        || matches!(producer.admit(1, 2000), Err(Refused::Unreachable { reason, .. }) if reason.contains("authoriz")),
    )
    .await;
    until("permitted", || producer.stats().rebuilds == 3 && producer.admit(1, 2000).is_ok()).await;
    assert!(is_published(&publish(&producer, &[record("a", b"1")]).await[0]));
}

#[tokio::test]
async fn closing_waits_for_the_acks_and_gives_up_what_is_left() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[]), limits()).expect("a producer");
    assert!(is_published(&publish(&producer, &[record("a", b"1")]).await[0]));

    broker.with(|cluster| cluster.broker_round_trip_time(-1, Duration::from_secs(30))).expect("alive").expect("slow");
    let one = record("a", b"2");
    let mut admission = producer.admit(1, Producer::cost(&one)).expect("there is room");
    admission.send(one);
    let (left, outcomes) = tokio::join!(producer.close(Duration::from_millis(300)), admission.outcomes(soon()));
    assert_eq!(left, 1);
    assert!(matches!(&outcomes[0], Delivery::Unknown { reason } if reason.contains("closed")), "{outcomes:?}");
    assert_eq!(producer.stats().queue_records, 0, "closing gave everything its outcome");
    assert_eq!(producer.close(Duration::ZERO).await, 0, "a second time is harmless");
}

#[test]
fn properties_that_would_break_a_promise_are_refused() {
    let check = |name: &str, value: &str, expect: Option<&str>| {
        let config = KafkaConfig { properties: [(name.to_owned(), value.to_owned())].into() };
        let result = settings::producer(&config, &limits()).map(drop).map_err(|error| error.to_string());
        match expect {
            None => assert_eq!(result, Ok(()), "{name}={value}"),
            Some(part) => {
                let message = result.expect_err(name);
                assert!(message.contains(part) && message.contains(name), "{name}={value}: {message}");
            }
        }
    };
    check("acks", "1", Some("in-sync replica"));
    check("request.required.acks", "0", Some("in-sync replica"));
    check("acks", "-1", None);
    check("acks", "all", None);
    check("enable.idempotence", "false", Some("duplicate"));
    check("enable.idempotence", "true", None);
    check("partitioner", "consistent_random", Some("java"));
    check("transactional.id", "x", Some("transactions"));
    check("linger.ms", "5", Some("wait"));
    check("queue.buffering.max.ms", "1.5", Some("wait"));
    check("linger.ms", "0.5", None);
    check("message.timeout.ms", "1", Some("limits"));
    check("queue.buffering.max.messages", "1", Some("limits"));
    check("allow.auto.create.topics", "true", Some("apply"));
    check("compression.codec", "zstd", None);
    check("no.such.property", "1", Some("No such configuration property"));
    check("socket.timeout.ms", "abc", Some("Invalid value"));
    check("socket.timeout.ms", "12345", None);
    check("ssl.key.pem", "not a key", None);
}

#[test]
fn a_property_under_its_other_name_wins_over_the_default() {
    let config = KafkaConfig { properties: [("compression.codec".to_owned(), "zstd".to_owned())].into() };
    let settings = settings::producer(&config, &limits()).expect("accepted");
    assert_eq!(settings.get("compression.type"), Some("zstd"));
    assert_eq!(settings.get("compression.codec"), None);
}

#[tokio::test]
async fn statistics_tell_of_the_brokers() {
    let broker = broker();
    let producer = Producer::new(&config(&broker, &[("statistics.interval.ms", "50")]), limits()).expect("a producer");
    assert!(is_published(&publish(&producer, &[record("a", b"1")]).await[0]));
    until("told", || producer.stats().client.is_some_and(|client| client.brokers_up == 1 && client.requests > 0)).await;
    assert_eq!(ClientStats::parse(b"{"), None);
}
