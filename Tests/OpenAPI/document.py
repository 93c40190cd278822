"""An OpenAPI document as the checks look at it: read strictly, walked by what things are."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
Node = dict[str, Any]


class DocumentError(Exception):
    """The file is no document that could be looked at."""


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice, and one that YAML takes for something else than text."""


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> Node:
    mapping: Node = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise DocumentError(f"line {line}: the key {key!r} is no text: put it in quotes")
        if key in mapping:
            raise DocumentError(f"line {line}: the key '{key}' is there twice")
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: Path) -> Node:
    """The document in a YAML file."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)
    except yaml.YAMLError as error:
        raise DocumentError(str(error)) from error
    if not isinstance(document, dict):
        raise DocumentError("it is no mapping")
    return document


def resolve(document: Node, reference: str) -> Any:
    """What a reference leads to; None if that is nothing."""
    if not reference.startswith("#/"):
        return None
    node: Any = document
    for name in reference[2:].split("/"):
        name = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, dict) or name not in node:
            return None
        node = node[name]
    return node


def follow(document: Node, node: Any) -> Node:
    """The node itself, or what it refers to; empty where that is nothing."""
    for _ in range(8):
        if not isinstance(node, dict) or "$ref" not in node:
            break
        node = resolve(document, node["$ref"])
    return node if isinstance(node, dict) else {}


def references(node: Any) -> Iterator[str]:
    """Every reference in a part of the document; what examples hold is data and left out."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for name, value in node.items():
            if name not in ("example", "examples"):
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


class Operation(NamedTuple):
    """One operation, and where it stands."""

    name: str
    path: str
    item: Node
    body: Node

    def parameters(self, document: Node) -> list[Node]:
        """The parameters of the operation and of its path."""
        listed = self.item.get("parameters", []) + self.body.get("parameters", [])
        return [follow(document, parameter) for parameter in listed]


def operations(document: Node) -> list[Operation]:
    """All operations in the order of the document; each is called as in a request line."""
    return [
        Operation(f"{method.upper()} {path}", path, item, item[method])
        for path, item in document.get("paths", {}).items()
        for method in METHODS
        if method in item
    ]


class Schema(NamedTuple):
    """A schema, and where it stands."""

    place: str
    body: Node
    # It has a name of its own, under components/schemas.
    is_named: bool

    def descendants(self) -> Iterator["Schema"]:
        """The schema itself, and those written inside it."""
        yield self
        inner = [(f"properties/{name}", value) for name, value in self.properties().items()]
        inner += [(name, self.body.get(name)) for name in ("items", "additionalProperties", "not")]
        for name in ("allOf", "anyOf", "oneOf"):
            inner += [(f"{name}/{n}", value) for n, value in enumerate(self.body.get(name, []))]
        for name, value in inner:
            if isinstance(value, dict):
                yield from Schema(f"{self.place}/{name}", value, False).descendants()

    def properties(self) -> Node:
        """Its members by their names."""
        return self.body.get("properties", {})


def named_schemas(document: Node) -> dict[str, Schema]:
    """The schemas under components/schemas."""
    named = document.get("components", {}).get("schemas", {})
    return {name: Schema(f"schemas/{name}", body, True) for name, body in named.items()}


def places_of_schemas(node: Any, place: str = "") -> Iterator[Schema]:
    """The schemas of parameters, headers and contents in a part of the document, outermost only."""
    if isinstance(node, dict):
        for name, value in node.items():
            inner = f"{place}/{name}" if place else name
            if name == "schema" and isinstance(value, dict):
                yield Schema(inner, value, False)
            elif name not in ("example", "examples", "schemas"):
                yield from places_of_schemas(value, inner)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from places_of_schemas(value, f"{place}/{number}")


def all_schemas(document: Node) -> Iterator[Schema]:
    """Every schema of the document, those inside others included."""
    for schema in [*named_schemas(document).values(), *places_of_schemas(document)]:
        yield from schema.descendants()


def reachable(document: Node, roots: Iterable[Any]) -> set[str]:
    """What parts of the document refer to, directly or through others."""
    found: set[str] = set()
    pending = list(roots)
    while pending:
        for reference in references(pending.pop()):
            if reference not in found:
                found.add(reference)
                pending.append(resolve(document, reference))
    return found
