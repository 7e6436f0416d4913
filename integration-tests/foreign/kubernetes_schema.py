"""Holds Kubernetes manifests against the JSON Schemas of their kinds, unknown fields forbidden; prints a JSON object a
document: its kind, its name, its problem (or null), and itself.

kubernetes_schema.py VERSION FILE…
"""

import json
import sys

import kubernetes_validate
import yaml

version, *files = sys.argv[1:]
for file in files:
    with open(file, encoding="utf-8") as text:
        for document in yaml.safe_load_all(text):
            problem = None
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                problem = f"{file}: {'.'.join(map(str, error.path))}: {error.message}"
            print(json.dumps({
                "kind": document["kind"],
                "name": document["metadata"]["name"],
                "problem": problem,
                "document": document,
            }))
