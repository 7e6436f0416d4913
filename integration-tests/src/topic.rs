//! Reading a topic back, by a plain consumer.

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::Headers as _,
};
use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
    time::{Duration, Instant},
};

/// A record as the broker has it, and what its schema makes of it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The key's bytes.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The registered schema that a framed value names.
    schema: Option<String>,
}

impl Record {
    /// The value of a header, the first one of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The schema id of a framed value.
    pub fn schema_id(&self) -> Option<u32> {
        frame(self.value.as_deref()?).map(|(id, _)| id)
    }

    /// The key as text.
    pub fn key_text(&self) -> Option<&str> {
        std::str::from_utf8(self.key.as_deref()?).ok()
    }

    /// The framed value, decoded by apache-avro with the schema that the registry has under its id.
    ///
    /// # Panics
    /// When the value is not such.
    pub fn json(&self) -> serde_json::Value {
        let schema = self.schema.as_deref().expect("the record is framed and its id is registered");
        let (_, body) = frame(self.value.as_deref().expect("the record has a value")).expect("the value is framed");
        crate::decode(schema, body)
    }
}

/// All records of a topic up to its end of now, by partition and offset.
///
/// # Panics
/// When the topic cannot be read to its end within half a minute.
pub async fn read_topic(kafka: &str, registry: &str, topic: &str) -> Vec<Record> {
    let (kafka, name) = (kafka.to_owned(), topic.to_owned());
    let mut records =
        tokio::task::spawn_blocking(move || consume(&kafka, &name)).await.expect("the consumer does not panic");
    for record in &mut records {
        if let Some(id) = record.schema_id() {
            record.schema = schema(registry, id).await;
        }
    }
    records
}

fn consume(kafka: &str, topic: &str) -> Vec<Record> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", "tidegate-integration-tests")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("allow.auto.create.topics", "false")
        .create()
        .expect("the consumer's settings are right");
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(20)).expect("the broker answers");
    let found = &metadata.topics()[0];
    assert!(found.error().is_none(), "no topic {topic}: {:?}", found.error());
    let mut assignment = TopicPartitionList::new();
    for partition in found.partitions() {
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning).expect("the offset is valid");
    }
    let mut open = found.partitions().len();
    consumer.assign(&assignment).expect("the partitions can be read");
    let mut records = Vec::new();
    while open > 0 {
        assert!(Instant::now() < deadline, "{topic} was not read to its end; {} records so far", records.len());
        match consumer.poll(Duration::from_millis(200)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => panic!("cannot read {topic}: {error}"),
            Some(Ok(message)) => records.push(Record {
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message
                    .headers()
                    .into_iter()
                    .flat_map(|headers| headers.iter())
                    .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                    .collect(),
                schema: None,
            }),
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

/// Confluent's framing: the schema id and the body.
fn frame(value: &[u8]) -> Option<(u32, &[u8])> {
    let (&[0, a, b, c, d], body) = value.split_first_chunk()? else { return None };
    Some((u32::from_be_bytes([a, b, c, d]), body))
}

/// What the registry has under an id. It never changes, so each is asked for once.
async fn schema(registry: &str, id: u32) -> Option<String> {
    static KNOWN: LazyLock<Mutex<HashMap<(String, u32), String>>> = LazyLock::new(Mutex::default);
    let key = (registry.to_owned(), id);
    if let Some(text) = KNOWN.lock().expect("no holder panics").get(&key) {
        return Some(text.clone());
    }
    let reply = crate::sidecar::client().get(format!("{registry}/schemas/ids/{id}")).send().await.ok()?;
    let body: serde_json::Value = serde_json::from_slice(&reply.bytes().await.ok()?).ok()?;
    let text = body.get("schema")?.as_str()?.to_owned();
    KNOWN.lock().expect("no holder panics").insert(key, text.clone());
    Some(text)
}
