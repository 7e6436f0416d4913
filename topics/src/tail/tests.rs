use super::*;
use crate::{
    embedded::EmbeddedBroker,
    producer::{Producer, ProducerLimits, Record},
};
use std::time::Instant;

const PATIENCE: Duration = Duration::from_secs(10);

struct Topic {
    broker: EmbeddedBroker,
    config: KafkaConfig,
    producer: Producer,
    name: TopicName,
}

impl Topic {
    fn new(partitions: u32) -> Self {
        let broker = EmbeddedBroker::start().expect("the mock cluster starts");
        let name = TopicName::new("sales.orders.v1").expect("a name");
        if partitions > 0 {
            broker.create_topic(name.as_str(), partitions).expect("the topic is made");
        }
        let config = KafkaConfig {
            properties: [
                ("bootstrap.servers".into(), broker.bootstrap_servers().into()),
                // The mock cluster has no read_committed.
                ("isolation.level".into(), "read_uncommitted".into()),
            ]
            .into(),
        };
        let limits = ProducerLimits { queue_bytes: 1 << 20, queue_records: 500, delivery_timeout: PATIENCE };
        let producer = Producer::new(&config, limits).expect("a producer");
        Self { broker, config, producer, name }
    }

    async fn publish(&self, keys: impl Iterator<Item = u32>) {
        let keys: Vec<String> = keys.map(|key| key.to_string()).collect();
        let record = |key: &'_ String| -> (String, Vec<u8>) { (key.clone(), key.clone().into_bytes()) };
        let all: Vec<_> = keys.iter().map(record).collect();
        let records: Vec<Record<'_>> = all
            .iter()
            .map(|(key, value)| Record {
                topic: self.name.as_str(),
                key: Some(key.as_bytes()),
                value: Some(value),
                headers: &[("a", b"1"), ("a", b"2"), ("b", b"")],
            })
            .collect();
        let cost = records.iter().map(Producer::cost).sum();
        let mut admission = self.producer.admit(records.len(), cost).expect("there is room");
        records.into_iter().for_each(|record| admission.send(record));
        let outcomes = admission.outcomes(Instant::now() + PATIENCE).await;
        assert!(
            outcomes.iter().all(|outcome| matches!(outcome, crate::producer::Delivery::Published { .. })),
            "{outcomes:?}"
        );
    }

    async fn read(&self, start: Start) -> (Vec<u32>, Tail) {
        let mut tail = read(&self.config, &self.name, start, PATIENCE).expect("a tail");
        let mut keys = Vec::new();
        while let Some(record) = tail.next().await {
            keys.push(key(&record.expect("a record")));
        }
        keys.sort_unstable();
        (keys, tail)
    }
}

fn key(record: &Received) -> u32 {
    assert_eq!(record.key, record.value);
    let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
    key.and_then(|key| key.parse().ok()).expect("a number")
}

async fn take(tail: &mut Tail, count: usize) -> Vec<u32> {
    let mut keys = Vec::new();
    while keys.len() < count {
        keys.push(key(&tail.next().await.expect("it goes on").expect("a record")));
    }
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn reads_to_the_end_and_goes_on_from_there() {
    let topic = Topic::new(3);
    let (keys, tail) = topic.read(Start::Beginning).await;
    assert_eq!((keys, tail.progress()), (vec![], Progress::default()), "an empty topic has its end at once");

    topic.publish(0..100).await;
    let (keys, mut tail) = topic.read(Start::Beginning).await;
    assert_eq!(keys, (0..100).collect::<Vec<_>>());
    assert_eq!(tail.progress(), Progress { done: 100, total: 100 });
    let next = tail.next_offsets().expect("the end was reached").clone();
    assert_eq!(next.values().sum::<i64>(), 100);
    assert_eq!(tail.next().await, None, "the end stays the end");

    let mut following = follow(&topic.config, std::slice::from_ref(&topic.name), Start::Offsets(next)).expect("a tail");
    topic.publish(100..150).await;
    assert_eq!(take(&mut following, 50).await, (100..150).collect::<Vec<_>>());
    let (keys, _) = topic.read(Start::End).await;
    assert_eq!(keys, Vec::<u32>::new());
}

#[tokio::test]
async fn begins_where_it_is_told() {
    let topic = Topic::new(1);
    topic.publish(0..10).await;
    let check = async |start: Start, expect: std::ops::Range<u32>| {
        assert_eq!(topic.read(start.clone()).await.0, expect.collect::<Vec<_>>(), "{start:?}");
    };
    check(Start::Offsets([(0, 7)].into()), 7..10).await;
    check(Start::Offsets([(0, 10)].into()), 0..0).await;
    // Not among what there is: the topic was made anew, or what was to come is gone.
    check(Start::Offsets([(0, 11)].into()), 0..10).await;
    check(Start::Offsets([(5, 1)].into()), 0..10).await;
    // This broker does not know, and then nothing may be missing.
    check(Start::Time(Timestamp(1)), 0..10).await;
}

#[tokio::test]
async fn a_record_is_read_whole() {
    let topic = Topic::new(1);
    topic.publish(7..8).await;
    let mut tail = read(&topic.config, &topic.name, Start::Beginning, PATIENCE).expect("a tail");
    let record = tail.next().await.expect("one").expect("a record");
    assert_eq!((record.topic.as_ref(), record.partition, record.offset), ("sales.orders.v1", 0, 0));
    assert!(record.timestamp.is_some());
    let header = |name: &str, value: &[u8]| (name.to_owned(), Some(value.to_vec()));
    assert_eq!(record.headers, [header("a", b"1"), header("a", b"2"), header("b", b"")]);
    assert_eq!((record.header("a"), record.header("c")), (Some(&b"2"[..]), None));
}

#[tokio::test]
async fn a_missing_topic_is_an_error_to_read_and_waited_for_to_follow() {
    let topic = Topic::new(0);
    let mut tail = read(&topic.config, &topic.name, Start::Beginning, PATIENCE).expect("a tail");
    assert_eq!(tail.next().await, Some(Err(TailError::NoTopic(topic.name.clone()))));
    assert_eq!(tail.next().await, None);

    let mut tail = follow(&topic.config, std::slice::from_ref(&topic.name), Start::End).expect("a tail");
    assert!(tokio::time::timeout(Duration::from_secs(1), tail.next()).await.is_err(), "nothing there yet");
    topic.broker.create_topic(topic.name.as_str(), 2).expect("the topic is made");
    topic.publish(0..5).await;
    assert_eq!(take(&mut tail, 5).await, (0..5).collect::<Vec<_>>(), "what is new is read whole");
}

#[tokio::test]
async fn a_broker_that_is_away_is_named_and_waited_for() {
    let topic = Topic::new(1);
    topic.publish(0..5).await;
    let mut following = follow(&topic.config, std::slice::from_ref(&topic.name), Start::Beginning).expect("a tail");
    assert_eq!(take(&mut following, 5).await, (0..5).collect::<Vec<_>>());
    topic.broker.with(|cluster| cluster.broker_down(-1)).expect("alive").expect("it goes down");

    let mut tail = read(&topic.config, &topic.name, Start::Beginning, PATIENCE).expect("a tail");
    let error = tail.next().await.expect("an answer").expect_err("nothing to read");
    assert!(error.is_unreachable(), "{error}");
    let text = error.to_string();
    assert!(text.contains(topic.broker.bootstrap_servers()) && text.contains("address"), "{text}");

    topic.broker.with(|cluster| cluster.broker_up(-1)).expect("alive").expect("it comes up");
    while topic.producer.unreachable().is_some() {
        tokio::task::yield_now().await;
    }
    topic.publish(5..10).await;
    assert_eq!(take(&mut following, 5).await, (5..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_slow_reader_holds_the_thread_back_and_loses_nothing() {
    let topic = Topic::new(1);
    for start in [0, 400, 800] {
        topic.publish(start..start + 400).await;
    }
    let mut tail = read(&topic.config, &topic.name, Start::Beginning, PATIENCE).expect("a tail");
    let first = key(&tail.next().await.expect("one").expect("a record"));
    tokio::time::timeout(Duration::from_secs(1), async {
        while tail.progress().done < AHEAD as u64 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it reads ahead");
    assert!(tail.progress().done <= 2 + AHEAD as u64, "and no further: {:?}", tail.progress());
    assert_eq!(first, 0);
    assert_eq!(take(&mut tail, 1199).await, (1..1200).collect::<Vec<_>>());
    assert_eq!(tail.next().await, None);
}
