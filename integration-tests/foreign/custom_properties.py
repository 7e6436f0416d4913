"""Holds a contract's custom properties against our JSON Schema: custom_properties.py SCHEMA CONTRACT."""

import json
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """YAML as JSON's model has it: dates stay text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, looks) for tag, looks in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    contract = yaml.load(file, Loader)

jsonschema.Draft202012Validator.check_schema(schema)
wrong = list(jsonschema.Draft202012Validator(schema).iter_errors(contract))
for error in wrong:
    print("/".join(map(str, error.absolute_path)), error.message)
sys.exit(1 if wrong else 0)
