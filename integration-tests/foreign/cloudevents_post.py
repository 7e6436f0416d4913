"""Makes CloudEvents with the CloudEvents SDK and posts them; prints a JSON object a reply.

cloudevents_post.py URL binary|structured|batch < events, one JSON object a line
"""

import http.client
import json
import sys
import urllib.parse

from cloudevents.conversion import to_json
from cloudevents.http import CloudEvent, to_binary, to_structured

url, mode = sys.argv[1:]


def event(data):
    return CloudEvent({"type": "com.example.placed", "source": "/python", "id": "sdk-" + data["orderId"]}, data)


events = [event(json.loads(line)) for line in sys.stdin]
if mode == "binary":
    requests = [to_binary(one) for one in events]
elif mode == "structured":
    requests = [to_structured(one) for one in events]
else:
    body = b"[" + b",".join(to_json(one) for one in events) + b"]"
    requests = [({"content-type": "application/cloudevents-batch+json"}, body)]

# Not urllib.request: it makes up a content type where the SDK sets none, as it does in binary mode.
place = urllib.parse.urlsplit(url)
connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
for headers, body in requests:
    connection.request("POST", place.path, body, headers)
    reply = connection.getresponse()
    print(json.dumps({"status": reply.status, "body": json.load(reply)}))
