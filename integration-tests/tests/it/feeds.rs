//! A domain's own topics on a real broker: written, read back, followed, and what is not theirs left out.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime},
};
use tidegate_contracts::{
    feed::{
        self, FEED_HEADER, FeedRecord,
        changes::{Actor, Change, Retired, What, Withdrawn},
    },
    timestamp::Timestamp,
};
use tidegate_integration_tests::{eventually, parts};
use tidegate_topics::{
    admin::Admin,
    config::KafkaConfig,
    feed::{FeedWriteError, FeedWriter, Item, Skipped, follow, snapshot, topic},
    name::TopicName,
    plan::{Action, Actual, Allow, plan},
    producer::{Delivery, Producer, ProducerLimits, Record},
    spec,
    tail::{self, Start},
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Domain {
    name: String,
    config: KafkaConfig,
    producer: Producer,
}

impl Domain {
    /// A domain with its feeds.
    async fn new() -> Self {
        let name = format!("sales-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let config = KafkaConfig { properties: [("bootstrap.servers".into(), parts().kafka.clone())].into() };
        let admin = Admin::new(&config).expect("an admin client");
        let wanted = spec::wanted(&name, &[], 1 << 20).expect("sound").topics;
        for action in plan(&wanted, &Actual::new(), Allow::default()).actions {
            admin.apply(&action).await.expect("the feeds are made");
        }
        let limits = ProducerLimits { queue_bytes: 8 << 20, queue_records: 1000, delivery_timeout: PATIENCE };
        let producer = Producer::new(&config, limits).expect("a producer");
        Self { name, config, producer }
    }

    fn change(&self, product: &str, what: What) -> Change {
        Change {
            id: uuid::Uuid::now_v7().to_string(),
            domain: self.name.clone(),
            product: product.into(),
            at: SystemTime::now().into(),
            by: Actor { name: "a test".into(), program: "tidegate/0".into() },
            what,
        }
    }

    fn withdrawn(&self, proposal: u32) -> Change {
        let what = What::Withdrawn(Withdrawn { proposal: proposal.to_string(), reason: None });
        self.change("orders", what)
    }

    fn writer(&self) -> FeedWriter<Change> {
        FeedWriter::new(self.producer.clone(), &self.name, 7, PATIENCE).expect("a writer")
    }

    /// Writes whatever it is into the changes feed, as anybody with the right may.
    async fn write_raw(&self, key: Option<&[u8]>, value: Option<&[u8]>, header: Option<&str>) {
        let topic = topic::<Change>(&self.name).expect("a name");
        let headers: Vec<(&str, &[u8])> = header.iter().map(|header| (FEED_HEADER, header.as_bytes())).collect();
        let record = Record { topic: topic.as_str(), key, value, headers: &headers };
        let mut admission = self.producer.admit(1, Producer::cost(&record)).expect("there is room");
        admission.send(record);
        let outcome = admission.outcomes(Instant::now() + PATIENCE).await;
        assert!(matches!(outcome[..], [Delivery::Published { .. }]), "{outcome:?}");
    }
}

fn records<R: Clone>(items: &[Item<R>]) -> Vec<R> {
    items.iter().filter_map(|item| item.record.clone()).collect()
}

#[tokio::test]
async fn what_is_written_is_read_back_in_order_and_followed_from_there() {
    let domain = Domain::new().await;
    let writer = domain.writer();
    assert_eq!(snapshot::<Change>(&domain.config, &domain.name).await.expect("it is read").items, []);

    let changes: Vec<Change> = (0..5).map(|number| domain.withdrawn(number)).collect();
    for change in &changes[..2] {
        writer.write(change).await.expect("it is written");
    }
    let (place, log) = writer.write_and_read_back(&domain.config, &changes[2]).await.expect("it is read back");
    assert_eq!(place, Some((0, 2)));
    assert_eq!(records(&log.items), changes[..3]);
    assert_eq!((log.skipped, &log.next), (Skipped::default(), &BTreeMap::from([(0, 3)])));
    assert!(log.items.iter().all(|item| item.key == "orders" && item.domain == domain.name));

    let mut following =
        follow::<Change>(&domain.config, &[domain.name.as_str()], Start::Offsets(log.next)).expect("a tail");
    for change in &changes[3..] {
        writer.write(change).await.expect("it is written");
        let item = following.next().await.expect("it goes on").expect("a record");
        assert_eq!(item.record.as_ref(), Some(change));
    }
}

#[tokio::test]
async fn of_those_who_write_at_once_all_read_the_same_log() {
    let domain = Domain::new().await;
    let writer = domain.writer();
    let (one, other) = (domain.withdrawn(1), domain.withdrawn(2));
    let (one, other) = tokio::join!(
        writer.write_and_read_back(&domain.config, &one),
        writer.write_and_read_back(&domain.config, &other)
    );
    let (one, other) = (one.expect("read back").1, other.expect("read back").1);
    let first = |items: &[Item<Change>]| items[0].clone();
    assert_eq!(first(&one.items), first(&other.items), "whoever is first is first for both");
}

#[tokio::test]
async fn what_is_not_the_feed_s_is_left_out_and_counted() {
    let domain = Domain::new().await;
    let writer = domain.writer();
    let good = domain.withdrawn(1);
    let header = feed::header::<Change>();
    let framed = feed::frame(7, &good);
    let key = Some(&b"orders"[..]);

    let mut foreign = domain.withdrawn(2);
    foreign.domain = "risk".into();
    let refused = writer.write(&foreign).await;
    assert!(matches!(refused, Err(FeedWriteError::WrongSpeaker { .. })), "{refused:?}");
    domain.write_raw(key, Some(&feed::frame(7, &foreign)), Some(&header)).await;

    domain.write_raw(key, Some(&framed), Some("changes/2")).await;
    domain.write_raw(key, Some(&framed), None).await;
    domain.write_raw(key, Some(&framed), Some("catalog/1")).await;
    domain.write_raw(key, Some(&framed[..9]), Some(&header)).await;
    domain.write_raw(key, Some(b""), Some(&header)).await;
    domain.write_raw(Some(b"\xff"), Some(&framed), Some(&header)).await;
    domain.write_raw(None, Some(&framed), Some(&header)).await;
    writer.write(&good).await.expect("it is written");

    let log = snapshot::<Change>(&domain.config, &domain.name).await.expect("it is read");
    assert_eq!(records(&log.items), [good]);
    assert_eq!(log.skipped, Skipped { wrong_speaker: 1, later_version: 1, garbage: 6 });
}

#[tokio::test]
async fn what_was_taken_back_shows_as_nothing_under_its_key() {
    let domain = Domain::new().await;
    let writer = domain.writer();
    let retired = What::Retired(Retired { major: 1, successor: None, reason: None });
    let change = domain.change("orders", retired);
    writer.write(&change).await.expect("it is written");
    writer.take_back("orders").await.expect("it is written");
    let log = snapshot::<Change>(&domain.config, &domain.name).await.expect("it is read");
    let said: Vec<_> = log.items.iter().map(|item| (item.key.as_str(), item.record.is_some())).collect();
    assert_eq!(said, [("orders", true), ("orders", false)]);
}

#[tokio::test]
async fn many_domains_are_followed_at_once_and_new_ones_when_they_appear() {
    let (one, other) = (Domain::new().await, Domain::new().await);
    let late = format!("late-{}", uuid::Uuid::new_v4().simple());
    let domains = [one.name.as_str(), other.name.as_str(), late.as_str()];
    let mut following = follow::<Change>(&one.config, &domains, Start::Beginning).expect("a tail");
    for domain in [&one, &other] {
        let change = domain.withdrawn(1);
        domain.writer().write(&change).await.expect("it is written");
        let item = following.next().await.expect("it goes on").expect("a record");
        assert_eq!((item.domain, item.record), (domain.name.clone(), Some(change)));
    }
    let topic = topic::<Change>(&late).expect("a name");
    let create = Action::Create { topic, partitions: Some(1), replication: None, options: BTreeMap::new() };
    Admin::new(&one.config).expect("an admin client").apply(&create).await.expect("it is made");
    let late = Domain { name: late, config: one.config.clone(), producer: one.producer.clone() };
    let change = late.withdrawn(1);
    late.writer().write(&change).await.expect("it is written");
    let item = following.next().await.expect("it goes on").expect("a record");
    assert_eq!((item.domain, item.record), (late.name.clone(), Some(change)));
}

#[tokio::test]
async fn a_topic_is_read_from_a_time() {
    let domain = Domain::new().await;
    let writer = domain.writer();
    let topic = topic::<Change>(&domain.name).expect("a name");
    let read = async |start: Start| {
        let mut tail = tail::read(&domain.config, &topic, start, PATIENCE).expect("a tail");
        let mut offsets = Vec::new();
        while let Some(record) = tail.next().await {
            let record = record.expect("a record");
            offsets.push((record.offset, record.timestamp.expect("it has a time")));
        }
        offsets
    };
    writer.write(&domain.withdrawn(0)).await.expect("it is written");
    let first = read(Start::Beginning).await[0].1;
    // The broker's clock is ours; a millisecond later is another time.
    eventually("the clock goes on", PATIENCE, async || (Timestamp::from(SystemTime::now()) > first).then_some(()))
        .await;
    writer.write(&domain.withdrawn(1)).await.expect("it is written");
    let offsets = |read: Vec<(i64, Timestamp)>| read.into_iter().map(|(offset, _)| offset).collect::<Vec<_>>();
    assert_eq!(offsets(read(Start::Time(Timestamp(0))).await), [0, 1]);
    assert_eq!(offsets(read(Start::Time(first)).await), [0, 1]);
    assert_eq!(offsets(read(Start::Time(first.plus(Duration::from_millis(1)))).await), [1]);
    assert_eq!(offsets(read(Start::Time(first.plus(Duration::from_secs(3600)))).await), Vec::<i64>::new());
}

#[tokio::test]
async fn a_domain_without_feeds_is_told_to_apply() {
    let config = KafkaConfig { properties: [("bootstrap.servers".into(), parts().kafka.clone())].into() };
    let name = format!("nobody-{}", uuid::Uuid::new_v4().simple());
    let error = snapshot::<Change>(&config, &name).await.expect_err("nothing there");
    assert!(error.to_string().contains("tidegate apply"), "{error}");
    assert!(TopicName::new(feed::topic(&name, Change::FEED)).is_ok());
}
