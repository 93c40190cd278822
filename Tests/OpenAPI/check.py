"""Checks openapi.yaml: that simple generators can digest it, and that it is what the code does."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import examples
from document import (
    DocumentError, Node, Operation, all_schemas, follow, load, named_schemas, operations,
    places_of_schemas, reachable, references, resolve,
)
from routes import SourceError, named_slugs, read_routes, read_slugs

API = Path(__file__).resolve().parents[2] / "Sources/AgentAPI"
FORBIDDEN = {
    "oneOf", "anyOf", "allOf", "not", "nullable", "discriminator", "const", "if", "then", "else",
    "patternProperties", "$defs", "readOnly", "writeOnly", "xml",
}
TYPES = {"object", "array", "string", "integer", "boolean"}
# What another agent says, which may be newer than this one.
LENIENT = {"schemas/DeviceIdentityRequest"}
CAMEL = re.compile(r"[a-z][a-z0-9]*([A-Z][a-z0-9]*)*")
TEMPLATE = re.compile(r"\{(\w+)\}")


def plain_schemas(document: Node) -> Iterator[str]:
    """Schemas are of one plain type, without what generators trip over."""
    for place, schema, _ in all_schemas(document):
        for keyword in sorted(FORBIDDEN & schema.keys()):
            yield f"{place}: {keyword}"
        if "$ref" in schema:
            if len(schema) > 1:
                yield f"{place}: a reference with something beside it"
        elif schema.get("type") not in TYPES:
            yield f"{place}: the type is {schema.get('type')!r}"
        elif schema["type"] == "integer" and schema.get("format") not in ("int32", "int64"):
            yield f"{place}: an integer without int32 or int64"
        elif schema["type"] == "array" and "items" not in schema:
            yield f"{place}: an array of anything"


def named_objects(document: Node) -> Iterator[str]:
    """Every object has a name."""
    for place, schema, is_named in all_schemas(document):
        is_object = schema.get("type") == "object" or "properties" in schema
        if is_object and not is_named:
            yield f"{place}: an object without a name of its own"
        missing = set(schema.get("required", [])) - schema.get("properties", {}).keys()
        if missing:
            yield f"{place}: required, but not there: {', '.join(sorted(missing))}"


def request_and_response_schemas(document: Node) -> Iterator[str]:
    """Requests refuse what they do not know; responses may grow, in members and in words."""
    schemas = named_schemas(document)
    bodies = [operation.body.get("requestBody") for operation in operations(document)]
    answers = [operation.body.get("responses") for operation in operations(document)]
    headers = document.get("components", {}).get("headers")
    asked = reachable(document, bodies)
    told = reachable(document, [*answers, headers])
    for name, schema in schemas.items():
        reference = f"#/components/{schema.place}"
        extra = schema.body.get("additionalProperties")
        is_object = schema.body.get("type") == "object"
        if reference in asked & told:
            yield f"{schema.place}: both asked for and answered with"
        if reference in asked and is_object and extra is not (schema.place in LENIENT):
            yield f"{schema.place}: a request that takes unknown members"
        if reference in told and is_object and extra is False:
            yield f"{schema.place}: an answer that could not grow"
        if reference in told:
            for inner in schema.descendants():
                if "enum" in inner.body:
                    yield f"{inner.place}: enum in an answer"
    for root in places_of_schemas([answers, headers]):
        for inner in root.descendants():
            if "enum" in inner.body:
                yield f"{inner.place}: enum in an answer"


def described(document: Node) -> Iterator[str]:
    """Everything that a reader meets says what it is."""
    for place, schema, is_named in all_schemas(document):
        if is_named and "description" not in schema:
            yield f"{place}: no description"
        for name, member in schema.get("properties", {}).items():
            if not {"description", "$ref"} & member.keys():
                yield f"{place}/{name}: no description"
    components = document.get("components", {})
    for kind in ("parameters", "headers"):
        for name, component in components.get(kind, {}).items():
            if "description" not in component:
                yield f"{kind}/{name}: no description"
    for operation in operations(document):
        if "summary" not in operation.body:
            yield f"{operation.name}: no summary"
        for parameter in operation.parameters(document):
            if "description" not in parameter:
                yield f"{operation.name}: no description of {parameter.get('name')}"


def operation_ids(document: Node) -> Iterator[str]:
    """Every operation has a name of its own, and a tag that is described."""
    ids = Counter(operation.body.get("operationId") for operation in operations(document))
    tags = {tag.get("name") for tag in document.get("tags", [])}
    used: set[str] = set()
    for operation in operations(document):
        identifier = operation.body.get("operationId")
        if not isinstance(identifier, str) or not CAMEL.fullmatch(identifier):
            yield f"{operation.name}: the operationId {identifier!r} is not in camelCase"
        elif ids[identifier] > 1:
            yield f"{operation.name}: the operationId {identifier} is there twice"
        own = set(operation.body.get("tags", []))
        if not own or own - tags:
            yield f"{operation.name}: no tag, or one that is not described"
        used |= own
    for tag in sorted(tags - used):
        yield f"tags: nothing has the tag {tag}"


def responses(document: Node) -> Iterator[str]:
    """Every operation has a success and the problem, and every response its Request-Id."""
    for operation in operations(document):
        answers = operation.body.get("responses", {})
        content = follow(document, answers.get("default")).get("content", {})
        schema = content.get("application/problem+json", {}).get("schema", {})
        if len(content) != 1 or schema.get("$ref") != "#/components/schemas/Problem":
            yield f"{operation.name}: the default response is not the problem"
        if not any(status.startswith("2") for status in answers):
            yield f"{operation.name}: no success"
        for status, answer in answers.items():
            yield from response(operation, status, follow(document, answer))


def response(operation: Operation, status: str, answer: Node) -> Iterator[str]:
    """What is wrong with one response."""
    name = f"{operation.name}: {status}"
    if "description" not in answer:
        yield f"{name} has no description"
    if "Request-Id" not in answer.get("headers", {}):
        yield f"{name} has no Request-Id"
    if status == "201" and "Location" not in answer.get("headers", {}):
        yield f"{name} has no Location"
    is_bare = status in ("204", "304") or operation.name.startswith("HEAD ")
    if status != "default" and is_bare == bool(answer.get("content")):
        yield f"{name} has {'a' if is_bare else 'no'} body"


def path_parameters(document: Node) -> Iterator[str]:
    """The parameters in a path are those that are described, and required."""
    for operation in operations(document):
        listed = operation.parameters(document)
        inside = [parameter for parameter in listed if parameter.get("in") == "path"]
        names = sorted(str(parameter.get("name")) for parameter in inside)
        if names != sorted(TEMPLATE.findall(operation.path)):
            yield f"{operation.name}: its path parameters are described as {names}"
        for parameter in inside:
            if parameter.get("required") is not True:
                yield f"{operation.name}: {parameter.get('name')} is not required"
        places = Counter((p.get("in"), p.get("name")) for p in listed)
        for (_, name), count in places.items():
            if count > 1:
                yield f"{operation.name}: the parameter {name} is there twice"


def resolved_references(document: Node) -> Iterator[str]:
    """Every reference leads somewhere, and every component is used."""
    for reference in sorted(set(references(document))):
        if resolve(document, reference) is None:
            yield f"{reference} leads nowhere"
    used = reachable(document, [document.get("paths")])
    for kind, components in document.get("components", {}).items():
        for name in components:
            if f"#/components/{kind}/{name}" not in used:
                yield f"components/{kind}/{name} is used nowhere"


def routes(document: Node, built: dict[str, set[str]]) -> Iterator[str]:
    """The operations of the document are those of the route table, with their parameters."""
    documented = {
        operation.name: {
            str(parameter.get("name"))
            for parameter in operation.parameters(document)
            if parameter.get("in") == "query"
        }
        for operation in operations(document)
    }
    for name in sorted(built.keys() - documented.keys()):
        yield f"{name} is not in the document"
    for name in sorted(documented.keys() - built.keys()):
        yield f"{name} is not in the route table"
    for name in sorted(built.keys() & documented.keys()):
        for parameter in sorted(built[name] - documented[name]):
            yield f"{name}: the parameter {parameter} is not in the document"
        for parameter in sorted(documented[name] - built[name]):
            yield f"{name}: the parameter {parameter} is not in the route table"


def slugs(document: Node, built: dict[str, str]) -> Iterator[str]:
    """The kinds of problems that the document names are those of the code, with their statuses."""
    texts = [document.get("info", {}).get("description", "")]
    for operation in operations(document):
        answer = follow(document, operation.body.get("responses", {}).get("default"))
        texts.append(answer.get("description", ""))
    named = {pair for text in texts for pair in named_slugs(text)}
    for slug, status in sorted(named):
        if slug in built and built[slug] != status:
            yield f"{slug} has the status {built[slug]}, not {status}"
        if slug not in built and "-" in slug:
            yield f"{slug} is no kind of problem"
    for slug in sorted(built.keys() - {slug for slug, _ in named}):
        yield f"no operation names {slug}"


RULES: list[Callable[[Node], Iterator[str]]] = [
    resolved_references, plain_schemas, named_objects, request_and_response_schemas, described,
    operation_ids, responses, path_parameters, examples.check,
]


def main() -> int:
    """Prints what is wrong with the document; succeeds if nothing is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("document", type=Path, help="the YAML file")
    parser.add_argument(
        "--routes", type=Path, default=API / "Routing/RouteTable.swift",
        help="the route table in Swift, or lines such as: GET /v1/devices limit page_token",
    )
    parser.add_argument("--slugs", type=Path, default=API / "Problems/ProblemSlug.swift")
    options = parser.parse_args()
    try:
        document = load(options.document)
        found = [problem for rule in RULES for problem in rule(document)]
        found += routes(document, read_routes(options.routes))
        found += slugs(document, read_slugs(options.slugs))
    except (DocumentError, SourceError) as error:
        found = [str(error)]
    for problem in found:
        print(f"{options.document.name}: {problem}")
    if not found:
        print(f"{options.document.name}: {len(operations(document))} operations, every rule is kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
