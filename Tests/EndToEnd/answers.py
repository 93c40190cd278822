"""What a server answered, and what every problem must have in common."""

import json
from dataclasses import dataclass, field
from typing import Any

RETRYABLE = {
    "transition-in-progress", "device-busy", "reset-busy", "shutting-down", "overloaded",
    "maintenance", "peer-unreachable",
}


@dataclass
class Answer:
    """A response: its header with names in lower case, its body, and its trailer if it has one."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    version: str = "HTTP/1.1"

    def all(self, name: str) -> list[str]:
        """The values of all fields with this name."""
        return [value for key, value in self.fields if key == name.lower()]

    def __getitem__(self, name: str) -> str:
        """The value of the one field with this name."""
        values = self.all(name)
        assert len(values) == 1, f"{name} is there {len(values)} times: {self.fields}"
        return values[0]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def etag(self) -> str:
        """The entity tag."""
        return self["ETag"]

    def ok(self, status: int = 200) -> Any:
        """The body of a success."""
        assert self.status == status, f"{self.status}, not {status}: {self.body[:2000]!r}"
        return self.json if self.body else None

    def problem(self, status: int, code: str) -> dict[str, Any]:
        """The problem, with everything that every problem has."""
        assert self.status == status, f"{self.status}, not {status}: {self.body[:2000]!r}"
        assert self["Content-Type"] == "application/problem+json"
        problem: dict[str, Any] = self.json
        assert problem["code"] == code, problem
        assert problem["type"] == f"/problems/{code}"
        assert problem["status"] == status
        assert isinstance(problem["title"], str) and problem["title"]
        assert isinstance(problem["detail"], str) and problem["detail"].strip()
        assert problem["request_id"] == self["Request-Id"]
        assert problem["retryable"] is (code in RETRYABLE)
        if status == 503:
            assert int(self["Retry-After"]) >= 0
        if status == 405:
            assert self["Allow"]
        return problem


def methods(answer: Answer) -> set[str]:
    """The methods that Allow names."""
    return {method.strip() for method in answer["Allow"].split(",")}
