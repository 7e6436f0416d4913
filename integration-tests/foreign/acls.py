"""Grants rights, or takes them back, with Confluent's admin client: acls.py KAFKA grant|take

The rights come on standard input, a JSON object a line: user, right, kind (TOPIC, GROUP, BROKER), name, and prefixed (or
else literal). Prints a JSON object a right.
"""

import json
import sys

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

kafka, what = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": kafka})


def binding(of, right):
    pattern = ResourcePatternType.PREFIXED if right.get("prefixed") else ResourcePatternType.LITERAL
    return of(
        ResourceType[right["kind"]],
        right["name"],
        pattern,
        "User:" + right["user"],
        "*",
        AclOperation[right["right"]],
        AclPermissionType.ALLOW,
    )


rights = [json.loads(line) for line in sys.stdin]
if what == "grant":
    results = admin.create_acls([binding(AclBinding, right) for right in rights])
else:
    results = admin.delete_acls([binding(AclBindingFilter, right) for right in rights])
for right, result in zip(rights, results.values()):
    result.result(timeout=30)
    print(json.dumps(right))
