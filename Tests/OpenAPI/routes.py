"""What the code says of the API: the route table, and the slugs with their statuses."""

import re
from pathlib import Path

ROUTE = re.compile(r'Route\(\s*"([A-Z]+)",\s*"([^"]+)"(?:,\s*query:\s*\[([^\]]*)\])?')
CASE = re.compile(r'^\s*case (\w+) = "([a-z0-9-]+)"', re.M)
STATUS = re.compile(r"case ((?:\.\w+,?\s*)+):\s*(\d{3})\b")
NAMED = re.compile(r"`([a-z][a-z0-9]*(?:-[a-z0-9]+)*)`|\b([1-5]\d\d)\b")


class SourceError(Exception):
    """The code looks different from what is expected here."""


def read_routes(path: Path) -> dict[str, set[str]]:
    """The operations with their query parameters.

    Reads the route table in Swift, or lines such as `GET /v1/devices limit page_token`.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".swift":
        found = [(f"{method} {target}", re.findall(r'"(\w+)"', query))
                 for method, target, query in ROUTE.findall(text)]
        if len(found) != text.count("Route("):
            raise SourceError(f"{path}: a Route( that is not read")
    else:
        lines = [line.split() for line in text.splitlines() if line.strip()]
        found = [(" ".join(words[:2]), words[2:]) for words in lines]
    routes = {name: set(query) for name, query in found}
    if not routes or len(routes) != len(found):
        raise SourceError(f"{path}: no routes, or one that is there twice")
    return routes


def read_slugs(path: Path) -> dict[str, str]:
    """The slugs of problems, with their statuses."""
    text = path.read_text(encoding="utf-8")
    slugs = dict(CASE.findall(text))
    statuses: dict[str, str] = {}
    for cases, status in STATUS.findall(text):
        statuses |= {case: status for case in re.findall(r"\w+", cases)}
    if not slugs or set(slugs) != set(statuses):
        raise SourceError(f"{path}: {set(slugs) ^ set(statuses) or 'no slugs'} not understood")
    return {slug: statuses[case] for case, slug in slugs.items()}


def named_slugs(text: str) -> list[tuple[str, str]]:
    """The words in backticks that follow a status in a text, each with that status."""
    found: list[tuple[str, str]] = []
    status = ""
    for word, number in NAMED.findall(text):
        if number:
            status = number
        elif status:
            found.append((word, status))
    return found
