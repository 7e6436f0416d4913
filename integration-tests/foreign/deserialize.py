"""Reads a topic to its end with Confluent's own consumer and Avro deserializers; prints a JSON object a record.

deserialize.py KAFKA REGISTRY TOPIC text|avro
"""

import datetime
import decimal
import json
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext, StringDeserializer


def plain(value):
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.datetime):
        epoch = datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
        return (value - epoch) // datetime.timedelta(milliseconds=1)
    raise TypeError(type(value).__name__)


kafka, registry, topic, key_form = sys.argv[1:]
client = SchemaRegistryClient({"url": registry})
value_of = AvroDeserializer(client)
key_of = StringDeserializer("utf_8") if key_form == "text" else AvroDeserializer(client)

consumer = Consumer({
    "bootstrap.servers": kafka,
    "group.id": "tidegate-foreign",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
})
partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
open_partitions = len(partitions)
while open_partitions:
    message = consumer.poll(20)
    if message is None:
        sys.exit(f"{topic} was not read to its end")
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            sys.exit(str(message.error()))
        open_partitions -= 1
        continue
    print(json.dumps({
        "key": key_of(message.key(), SerializationContext(topic, MessageField.KEY)),
        "value": value_of(message.value(), SerializationContext(topic, MessageField.VALUE)),
        "headers": {name: value.decode() for name, value in message.headers() or []},
    }, default=plain))
consumer.close()
