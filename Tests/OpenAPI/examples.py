"""Compares the examples of a document with the schemas that they stand beside."""

import re
from collections.abc import Iterator
from typing import Any

from document import Node, follow, named_schemas

PYTHON_TYPES = {
    "object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
}


def check(document: Node) -> Iterator[str]:
    """What is wrong with the examples of schemas, contents and parameters."""
    for name, schema in named_schemas(document).items():
        if "example" in schema.body:
            yield from compare(document, schema.body["example"], schema.body, f"example of {name}")
    yield from beside_schemas(document, document)


def beside_schemas(document: Node, node: Any) -> Iterator[str]:
    """Examples of contents and parameters, which have theirs beside `schema`."""
    if isinstance(node, dict):
        if isinstance(node.get("schema"), dict):
            if "example" in node:
                yield from compare(document, node["example"], node["schema"], "an example")
            for name, example in node.get("examples", {}).items():
                yield from compare(
                    document, example.get("value"), node["schema"], f"the example {name}")
        for value in node.values():
            yield from beside_schemas(document, value)
    elif isinstance(node, list):
        for value in node:
            yield from beside_schemas(document, value)


def compare(document: Node, value: Any, schema: Node, place: str) -> Iterator[str]:
    """What of a value is not as its schema says; also members that the schema does not know."""
    schema = follow(document, schema)
    expected = PYTHON_TYPES.get(str(schema.get("type")), object)
    if not isinstance(value, expected) or expected is int and isinstance(value, bool):
        yield f"{place} is no {schema.get('type')}"
    elif isinstance(value, dict):
        yield from compare_members(document, value, schema, place)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from compare(document, item, schema.get("items", {}), f"{place}/{number}")
    else:
        yield from compare_scalar(value, schema, place)


def compare_members(document: Node, value: Node, schema: Node, place: str) -> Iterator[str]:
    """What is wrong with the members of an object."""
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{place} lacks {name}"
    for name, member in value.items():
        if name in properties:
            yield from compare(document, member, properties[name], f"{place}/{name}")
        else:
            yield f"{place} has the unknown member {name}"
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        yield f"{place} has {len(value)} members"


def compare_scalar(value: Any, schema: Node, place: str) -> Iterator[str]:
    """What is wrong with a string, a number or a truth value."""
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{place} does not match {schema['pattern']}"
    if isinstance(value, int):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield f"{place} is out of its range"
