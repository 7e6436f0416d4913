"""Makes CloudEvents with the CloudEvents SDK and posts them; prints a JSON object a reply.

cloudevents_post.py URL binary|structured|batch < events, one JSON object a line
"""

import json
import sys
import urllib.error
import urllib.request

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

for headers, body in requests:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as reply:
            print(json.dumps({"status": reply.status, "body": json.load(reply)}))
    except urllib.error.HTTPError as refused:
        print(json.dumps({"status": refused.code, "body": refused.read().decode()}))
