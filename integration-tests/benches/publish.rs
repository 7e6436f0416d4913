//! What the producer costs on top of librdkafka: the same records through a bare librdkafka producer, through ours in
//! batches, and through ours one by one, in one process and one run.
//!
//! On librdkafka's mock cluster, and on the broker of `TIDEGATE_TEST_KAFKA` if that is set:
//! `cargo bench -p tidegate-integration-tests --bench publish`

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer},
};
use std::time::{Duration, Instant};
use tidegate_topics::{
    admin::Admin,
    config::KafkaConfig,
    embedded::EmbeddedBroker,
    name::TopicName,
    plan::Action,
    producer::{Delivery, Producer, ProducerLimits, Record},
};

const RECORDS: usize = 300_000;
const BATCH: usize = 500;
const ROUNDS: usize = 3;

/// As the standard workload's: 270 bytes of Avro, a key, the CloudEvents headers and a trace.
const HEADERS: [(&str, &[u8]); 8] = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"0198c1f0-7a44-7cc3-98c4-dc0c0c07398f"),
    ("ce_source", b"/sales/orders"),
    ("ce_type", b"com.example.sales.Order"),
    ("ce_time", b"2026-01-01T12:00:00.000Z"),
    ("ce_dataschema", b"http://127.0.0.1:8081/schemas/ids/42"),
    ("content-type", b"application/vnd.confluent.avro"),
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
];

/// Bytes that compress about as an order does: half text, half noise, another each time.
fn value(number: usize) -> [u8; 275] {
    let mut seed = number as u64 | 1;
    std::array::from_fn(|at| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if at % 2 == 0 { b"customer order line address "[at % 28] } else { (seed >> 56) as u8 }
    })
}

fn bare(kafka: &str, topic: &str) -> f64 {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", "1")
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "20000")
        .create()
        .expect("a producer");
    // The first ack of an idempotent producer takes half a second, which is nobody's throughput.
    producer.send(BaseRecord::<str, str>::to(topic).key("k").payload("v")).expect("it is taken");
    producer.flush(Duration::from_secs(10)).expect("it is acked");
    let start = Instant::now();
    for number in 0..RECORDS {
        let (key, value) = (number.to_string(), value(number));
        let headers = HEADERS.iter().fold(OwnedHeaders::new_with_capacity(8), |headers, (name, value)| {
            headers.insert(Header { key: name, value: Some(*value) })
        });
        let mut record = BaseRecord::<str, [u8]>::to(topic).key(&key).payload(&value).headers(headers);
        while let Err((_, refused)) = producer.send(record) {
            record = refused;
            std::thread::yield_now();
        }
    }
    producer.flush(Duration::from_secs(60)).expect("all is acked");
    RECORDS as f64 / start.elapsed().as_secs_f64()
}

fn ours(kafka: &str, topic: &str, requests: usize, batch: usize) -> f64 {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = KafkaConfig { properties: [("bootstrap.servers".into(), kafka.into())].into() };
        let delivery_timeout = Duration::from_secs(30);
        let limits = ProducerLimits { queue_bytes: 256 << 20, queue_records: 100_000, delivery_timeout };
        let producer = Producer::new(&config, limits).expect("a producer");
        publish(&producer, topic, 0, 1).await;
        let start = Instant::now();
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..requests {
            let (producer, topic) = (producer.clone(), topic.to_owned());
            senders.spawn(async move {
                for first in (sender * batch..RECORDS).step_by(requests * batch) {
                    publish(&producer, &topic, first, batch.min(RECORDS - first)).await;
                }
            });
        }
        senders.join_all().await;
        let rate = RECORDS as f64 / start.elapsed().as_secs_f64();
        assert_eq!(producer.close(Duration::from_secs(10)).await, 0);
        rate
    })
}

async fn publish(producer: &Producer, topic: &str, first: usize, count: usize) {
    let make = |number: usize| (number.to_string(), value(number));
    let records: Vec<_> = (first..first + count).map(make).collect();
    let record = |(key, value): &'_ (String, [u8; 275])| -> usize {
        Producer::cost(&Record { topic, key: Some(key.as_bytes()), value: Some(value), headers: &HEADERS })
    };
    let mut admission = producer.admit(count, records.iter().map(record).sum()).expect("there is room");
    for (key, value) in &records {
        admission.send(Record { topic, key: Some(key.as_bytes()), value: Some(value), headers: &HEADERS });
    }
    let outcomes = admission.outcomes(Instant::now() + Duration::from_secs(60)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Delivery::Published { .. })), "something is not acked");
}

fn compare(what: &str, kafka: &str, topic: &str) {
    println!("{what}, {RECORDS} records a round, best of {ROUNDS}");
    let best = |arm: &dyn Fn() -> f64| (0..ROUNDS).map(|_| arm()).fold(0.0, f64::max);
    let bare = best(&|| bare(kafka, topic));
    println!("  bare librdkafka           {bare:>9.0}/s  1.00");
    let arms = [("batches of 500, 16 at once", 16, BATCH), ("one by one, 256 at once", 256, 1)];
    for (name, requests, batch) in arms {
        let rate = best(&|| ours(kafka, topic, requests, batch));
        println!("  {name:<25} {rate:>9.0}/s  {:.2}", rate / bare);
    }
}

fn main() {
    let broker = EmbeddedBroker::start().expect("the mock cluster starts");
    broker.create_topic("bench", 4).expect("the topic is made");
    compare("mock cluster", broker.bootstrap_servers(), "bench");
    let Ok(kafka) = std::env::var("TIDEGATE_TEST_KAFKA") else { return };
    let topic = TopicName::new(format!("bench-{}", uuid::Uuid::new_v4().simple())).expect("a name");
    let name = topic.to_string();
    let create =
        Action::Create { topic, partitions: Some(4), replication: None, options: std::collections::BTreeMap::new() };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = KafkaConfig { properties: [("bootstrap.servers".into(), kafka.clone())].into() };
    runtime.block_on(async {
        Admin::new(&config).expect("an admin client").apply(&create).await.expect("the topic is made");
    });
    compare("real broker", &kafka, &name);
}
