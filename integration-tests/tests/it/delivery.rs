//! The producer on a real broker: order, and what becomes of records when the broker freezes, dies and comes back.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};
use tidegate_integration_tests::{Parts, eventually, parts, read_topic};
use tidegate_topics::{
    admin::Admin,
    config::KafkaConfig,
    name::TopicName,
    plan::Action,
    producer::{Delivery, Producer, ProducerLimits, Record, Refused},
};
use tokio::task::JoinSet;

fn limits() -> ProducerLimits {
    ProducerLimits { queue_bytes: 16 << 20, queue_records: 10_000, delivery_timeout: Duration::from_secs(4) }
}

async fn producer(kafka: &str, partitions: u32, limits: ProducerLimits) -> (Producer, String) {
    let config = KafkaConfig { properties: [("bootstrap.servers".into(), kafka.into())].into() };
    let topic = TopicName::new(format!("delivery-{}", uuid::Uuid::new_v4().simple())).expect("a name");
    let name = topic.to_string();
    let options = BTreeMap::new();
    let create = Action::Create { topic, partitions: Some(partitions), replication: None, options };
    Admin::new(&config).expect("an admin client").apply(&create).await.expect("the topic is made");
    (Producer::new(&config, limits).expect("a producer"), name)
}

/// What a sender knows of its records, by value.
type Outcomes = Vec<(String, Delivery)>;

/// Sends `count` records of one key as one request; nothing when it is refused.
async fn request(producer: &Producer, topic: &str, key: &str, first: u64, count: u64) -> Result<Outcomes, Refused> {
    let values: Vec<String> = (first..first + count).map(|number| format!("{key} {number:08}")).collect();
    let record = |value: &'_ String| -> usize { Producer::cost(&record(topic, key, value)) };
    let mut admission = producer.admit(values.len(), values.iter().map(record).sum())?;
    for value in &values {
        admission.send(self::record(topic, key, value));
    }
    let outcomes = admission.outcomes(Instant::now() + Duration::from_secs(20)).await;
    Ok(values.into_iter().zip(outcomes).collect())
}

fn record<'a>(topic: &'a str, key: &'a str, value: &'a str) -> Record<'a> {
    Record { topic, key: Some(key.as_bytes()), value: Some(value.as_bytes()), headers: &[] }
}

/// The broker's side of the story.
struct Topic {
    /// Values by partition and offset.
    places: HashMap<(i32, i64), String>,
    /// Places by value.
    values: HashMap<String, Vec<(i32, i64)>>,
}

async fn read(parts: &Parts, topic: &str) -> Topic {
    let mut found = Topic { places: HashMap::new(), values: HashMap::new() };
    for record in read_topic(&parts.kafka, &parts.registry, topic).await {
        let value = String::from_utf8(record.value.expect("a value")).expect("text");
        found.places.insert((record.partition, record.offset), value.clone());
        found.values.entry(value).or_default().push((record.partition, record.offset));
    }
    found
}

/// Compares what senders were told with what is there: what was acked is where it was said to be, once; what failed is
/// nowhere; and each key's acked records stand in the order of their sending.
fn compare(outcomes: &[Outcomes], topic: &Topic) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for sender in outcomes {
        let mut last = None;
        for (value, outcome) in sender {
            let found = topic.values.get(value).map_or(&[][..], Vec::as_slice);
            let kind = match outcome {
                Delivery::Published { partition, offset } => {
                    assert_eq!(topic.places.get(&(*partition, *offset)), Some(value), "acked and not there");
                    assert_eq!(found.len(), 1, "{value} is there twice: {found:?}");
                    assert!(last.is_none_or(|last| last < *offset), "{value} stands before what was sent before it");
                    last = Some(*offset);
                    "published"
                }
                Delivery::Failed { reason } | Delivery::Rejected { reason } => {
                    assert_eq!(found, [], "{value} failed ({reason}) and is there");
                    "failed"
                }
                Delivery::Unknown { .. } => {
                    assert!(found.len() <= 1, "{value} is there twice: {found:?}");
                    "unknown"
                }
            };
            *counts.entry(kind).or_default() += 1;
        }
    }
    let sent: usize = outcomes.iter().map(Vec::len).sum();
    assert!(topic.places.len() <= sent, "the topic has more than was sent");
    counts
}

/// Sends for several keys at once, a request after the other for each, until `stop`.
fn senders(producer: &Producer, topic: &str, stop: &tokio::sync::watch::Receiver<bool>) -> JoinSet<Outcomes> {
    let mut senders = JoinSet::new();
    for key in 0..8 {
        let (producer, topic, stop) = (producer.clone(), topic.to_owned(), stop.clone());
        senders.spawn(async move {
            let (key, mut outcomes, mut next) = (format!("key{key}"), Outcomes::new(), 0);
            while !*stop.borrow() {
                match request(&producer, &topic, &key, next, 10).await {
                    Ok(more) => outcomes.extend(more),
                    // Refused while the broker is away: as a caller does, it comes again, and not in a tight loop.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
                next += 10;
            }
            outcomes
        });
    }
    senders
}

#[tokio::test]
async fn keys_keep_their_order_within_a_request_and_from_one_to_the_next() {
    let (producer, topic) = producer(&parts().kafka, 4, limits()).await;
    let mut senders = JoinSet::new();
    for key in 0..16 {
        let (producer, topic) = (producer.clone(), topic.clone());
        senders.spawn(async move {
            let mut outcomes = Outcomes::new();
            for first in (0..1000).step_by(50) {
                outcomes.extend(request(&producer, &topic, &format!("key{key}"), first, 50).await.expect("room"));
            }
            outcomes
        });
    }
    let outcomes = senders.join_all().await;
    let counts = compare(&outcomes, &read(parts(), &topic).await);
    assert_eq!(counts, BTreeMap::from([("published", 16_000)]));
    assert_eq!(producer.close(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn what_is_too_large_for_the_topic_is_rejected_alone() {
    let (producer, topic) = producer(&parts().kafka, 1, limits()).await;
    let mut seed = 1_u64;
    // Noise, so that compression does not make it fit.
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56) as u8
    })
    .take(2 << 20)
    .collect();
    let large = Record { topic: &topic, key: Some(b"k"), value: Some(&noise), headers: &[] };
    let records = [record(&topic, "k", "before"), large, record(&topic, "k", "after")];
    let mut admission = producer.admit(3, records.iter().map(Producer::cost).sum()).expect("there is room");
    records.into_iter().for_each(|record| admission.send(record));
    let outcomes = admission.outcomes(Instant::now() + Duration::from_secs(20)).await;
    let [Delivery::Published { .. }, Delivery::Rejected { reason }, Delivery::Published { .. }] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert!(reason.contains("max.message.bytes"), "{reason}");
    assert_eq!(producer.stats().rebuilds, 0);
}

/// faults.md, row 2.
#[tokio::test]
async fn a_broker_that_freezes_loses_no_ack_and_doubt_is_called_doubt() {
    let parts = Parts::own();
    let (producer, topic) = producer(&parts.kafka, 4, limits()).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let senders = senders(&producer, &topic, &stopped);
    until_acked(&producer, &topic, "before").await;

    parts.signal("kafka", "stop");
    let frozen = Instant::now();
    let outcomes = request(&producer, &topic, "frozen", 0, 1).await.expect("nobody knows yet");
    assert!(matches!(outcomes[..], [(_, Delivery::Unknown { .. })]), "{outcomes:?}");
    let took = frozen.elapsed();
    assert!(took <= limits().delivery_timeout + Duration::from_millis(200), "{took:?}");
    parts.signal("kafka", "cont");
    until_acked(&producer, &topic, "after").await;

    stop.send_replace(true);
    let outcomes = senders.join_all().await;
    let counts = compare(&outcomes, &read(&parts, &topic).await);
    assert!(counts["published"] > 100 && counts["unknown"] > 0, "{counts:?}");
}

/// faults.md, rows 3 and 5.
#[tokio::test]
async fn a_broker_that_dies_and_returns_loses_no_ack_and_needs_no_restart() {
    let parts = Parts::own();
    let few = ProducerLimits { queue_bytes: 200 * 1100, queue_records: 200, ..limits() };
    let (producer, topic) = producer(&parts.kafka, 4, few.clone()).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let senders = senders(&producer, &topic, &stopped);
    until_acked(&producer, &topic, "before").await;
    // The best of the rounds: a box that is busy elsewhere may be late once.
    let mut best = Duration::MAX;
    for round in 0..2 {
        parts.signal("kafka", "kill");
        // First the queue fills up, then nobody can be reached.
        eventually("requests are refused", Duration::from_secs(10), async || {
            let refused = request(&producer, &topic, "dead", round, 1).await.err()?;
            let wait = match refused {
                Refused::Full { retry_after } | Refused::Unreachable { retry_after, .. } => retry_after,
                other => panic!("{other}"),
            };
            (wait > Duration::ZERO).then_some(())
        })
        .await;
        eventually("nobody can be reached", Duration::from_secs(10), async || producer.unreachable()).await;
        let stats = producer.stats();
        assert!(stats.queue_bytes <= few.queue_bytes && stats.queue_records <= few.queue_records, "{stats:?}");
        parts.signal("kafka", "start");
        let back = Instant::now();
        until_acked(&producer, &topic, &format!("after {round}")).await;
        let took = back.elapsed();
        eprintln!("first ack {took:?} after the broker's return");
        best = best.min(took);
    }
    assert!(best < Duration::from_secs(1), "{best:?}");
    stop.send_replace(true);
    let outcomes = senders.join_all().await;
    let counts = compare(&outcomes, &read(&parts, &topic).await);
    assert!(counts["published"] > 100, "{counts:?}");
    assert_eq!(producer.stats().queue_records, 0);
    assert_eq!(producer.stats().queue_bytes, 0);
}

/// Tries until a broker acks.
async fn until_acked(producer: &Producer, topic: &str, key: &str) {
    let mut number = 0;
    eventually("something is acked", Duration::from_secs(30), async || {
        number += 1;
        let outcomes = request(producer, topic, key, number, 1).await.ok()?;
        matches!(outcomes[..], [(_, Delivery::Published { .. })]).then_some(())
    })
    .await;
}
