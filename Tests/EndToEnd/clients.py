"""Clients that behave: http.client for most requests, and the real curl."""

import http.client
import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import IO, Any

from agent import PATIENCE
from answers import Answer
from wire import connect

CURL = shutil.which("curl") or "curl"


class Client:
    """Speaks to an agent, with a new connection for every request."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(
        self, method: str, target: str, body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Sends a request and reads the whole answer."""
        connection = http.client.HTTPConnection("ferry.test")
        connection.sock = connect(self.address)
        try:
            connection.request(method, target, body, dict(headers or {}))
            response = connection.getresponse()
            fields = [(name.lower(), value) for name, value in response.getheaders()]
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def get(self, target: str, **headers: str) -> Answer:
        """GET; a field name has underscores for hyphens."""
        return self.ask("GET", target, headers=_fields(headers))

    def send_json(self, method: str, target: str, value: Any, **headers: str) -> Answer:
        """Sends a value as JSON, or bytes as if they were JSON."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask(
            method, target, body, {"Content-Type": "application/json", **_fields(headers)})

    def post(self, target: str, value: Any, **headers: str) -> Answer:
        """POST of JSON."""
        return self.send_json("POST", target, value, **headers)

    def put(self, target: str, value: Any, **headers: str) -> Answer:
        """PUT of JSON."""
        return self.send_json("PUT", target, value, **headers)


def _fields(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def start_curl(
    *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL,
    stdout: IO[bytes] | int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Starts curl without a configuration, a proxy or a progress meter."""
    command = [CURL, "-q", "--noproxy", "*", "--silent", "--show-error", *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)


def end_curl(curl: "subprocess.Popen[bytes]") -> int:
    """Curl's exit status, once it has ended by itself."""
    try:
        return curl.wait(PATIENCE)
    finally:
        if curl.poll() is None:
            curl.kill()
            curl.wait()
        if curl.stderr:
            curl.stderr.close()


def curl_json(*arguments: str) -> Any:
    """What a curl that succeeds prints."""
    curl = start_curl(*arguments, stdout=subprocess.PIPE)
    output, errors = curl.communicate(timeout=PATIENCE)
    assert curl.returncode == 0, errors.decode()
    return json.loads(output)
