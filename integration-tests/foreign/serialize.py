"""Produces with Confluent's own producer and Avro serializer, which registers the schema.

serialize.py KAFKA REGISTRY TOPIC SCHEMA KEY < values, one JSON object a line; prints a JSON object a record
"""

import json
import sys

from confluent_kafka import SerializingProducer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import StringSerializer

kafka, registry, topic, schema, key = sys.argv[1:]
with open(schema, encoding="utf-8") as file:
    value_of = AvroSerializer(SchemaRegistryClient({"url": registry}), file.read())
producer = SerializingProducer({
    "bootstrap.servers": kafka,
    "key.serializer": StringSerializer("utf_8"),
    "value.serializer": value_of,
})


def delivered(error, message):
    if error is not None:
        sys.exit(str(error))
    print(json.dumps({"partition": message.partition(), "offset": message.offset()}))


for line in sys.stdin:
    value = json.loads(line)
    producer.produce(topic, key=str(value[key]), value=value, on_delivery=delivered)
if producer.flush(30):
    sys.exit("not all of it was acked")
