"""What every request has in common: names, methods, versions, expectations."""

from collections.abc import Callable

import pytest
from agent import Agent
from answers import methods
from clients import Client
from conftest import Attach
from wire import Wire

# Every path with the methods that it has; a device for DEVICE, a session in it.
PATHS = {
    "/v1": {"GET"},
    "/v1/openapi.json": {"GET"},
    "/v1/openapi.yaml": {"GET"},
    "/v1/host-devices": {"GET"},
    "/v1/devices": {"GET", "POST"},
    "DEVICE": {"GET", "DELETE"},
    "DEVICE/state": {"GET", "PUT"},
    "DEVICE/reset": {"POST"},
    "DEVICE/precopy-info": {"GET"},
    "DEVICE/session": {"GET"},
    "DEVICE/data": {"GET", "HEAD", "PUT", "PATCH"},
    "/problems/not-found": {"GET"},
}
ANY_METHOD = ["GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "BREW"]


@pytest.fixture
def device_path(attach: Attach) -> str:
    """The path of a device in PRE_COPY, so that every GET succeeds."""
    device = attach()
    device.go("PRE_COPY")
    return device.path


# Request-Id

@pytest.mark.parametrize("name", ["a", "A-z_0.9", "x" * 64])
def test_request_id_is_echoed(client: Client, device_path: str, name: str) -> None:
    """On successes of every kind and on problems."""
    for target in ("/v1", device_path, "/v1/nothing", "/v1/devices?limit=0"):
        assert client.get(target, Request_Id=name)["Request-Id"] == name
    problem = client.get("/v1/nothing", Request_Id=name).problem(404, "not-found")
    assert problem["request_id"] == name
    answer = client.get(device_path, Request_Id=name, If_None_Match="*")
    assert (answer.status, answer["Request-Id"]) == (304, name)
    assert client.ask("OPTIONS", "/v1", headers={"Request-Id": name})["Request-Id"] == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", "\u00e4", "a\tb", "a,b", '"a"'])
def test_request_id_is_replaced(wire: Callable[[], Wire], name: str) -> None:
    """What is no id gets another one, which no other request has."""
    seen = set()
    for _ in range(2):
        answer = wire().ask("GET", "/v1", f"Request-Id: {name}").answer()
        assert answer.status == 200
        seen.add(answer["Request-Id"])
    assert len(seen) == 2 and name not in seen
    assert all(1 <= len(value) <= 64 and value.isascii() for value in seen)


# Methods

@pytest.mark.parametrize("path", PATHS)
def test_options(client: Client, device_path: str, path: str) -> None:
    """204, with exactly the methods that work."""
    answer = client.ask("OPTIONS", path.replace("DEVICE", device_path))
    assert answer.status == 204
    assert answer.body == b""
    expected = PATHS[path] | {"OPTIONS"} | ({"HEAD"} if "GET" in PATHS[path] else set())
    assert methods(answer) == expected
    assert answer["Request-Id"]


@pytest.mark.parametrize("path", PATHS)
def test_other_methods(client: Client, device_path: str, path: str) -> None:
    """405, and Allow says what works."""
    target = path.replace("DEVICE", device_path)
    allowed = methods(client.ask("OPTIONS", target))
    for method in set(ANY_METHOD) - allowed:
        answer = client.ask(method, target)
        answer.problem(405, "method-not-allowed")
        assert methods(answer) == allowed
    if "HEAD" not in allowed:
        assert client.ask("HEAD", target).status == 405


@pytest.mark.parametrize(
    "path", [path for path in PATHS if "GET" in PATHS[path] and path != "DEVICE/data"])
def test_head(wire: Callable[[], Wire], device_path: str, path: str) -> None:
    """What GET answers, without the body; and the connection stays in step."""
    target = path.replace("DEVICE", device_path)
    connection = wire()
    get = connection.ask("GET", target).answer()
    assert get.status == 200
    head = connection.ask("HEAD", target).answer("HEAD")
    again = connection.ask("GET", target).answer()
    varying = {"date", "request-id"}
    for answer in (head, again):
        assert [field for field in answer.fields if field[0] not in varying] == [
            field for field in get.fields if field[0] not in varying]
    assert again.body == get.body


def test_head_of_problems(wire: Callable[[], Wire], attach: Attach) -> None:
    """No body here either."""
    connection = wire()
    device = attach()
    for target in ("/v1/nothing", "/v1/devices/nobody", f"{device.path}/data"):
        answer = connection.ask("HEAD", target).answer("HEAD")
        assert answer.status == 404
        assert answer["Request-Id"]
    assert connection.ask("GET", "/v1").answer().status == 200


@pytest.mark.parametrize("path", [
    "/", "/v2", "/v1/", "/v1/nothing", "/v1/devices/", "/v1/devices/nobody",
    "/v1/devices/nobody/state", "/v1/devices/nobody/data", "/v1/devices/nobody/session",
    "/v1/devices/no%20body", "/v1/devices/" + "x" * 65, "//v1", "/V1", "/problems/no-such-problem",
])
def test_what_is_not_there(client: Client, path: str) -> None:
    """404."""
    client.get(path).problem(404, "not-found")


# HTTP versions

def test_http_1_0(wire: Callable[[], Wire], device_path: str) -> None:
    """Fine for everything that has a known length; the connection closes."""
    connection = wire().send("GET /v1 HTTP/1.0\r\n\r\n")
    answer = connection.answer()
    assert answer.status == 200 and answer.json["version"]
    assert connection.rest() == b""


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("keep_alive", [True, False])
def test_http_1_0_does_not_move_data(
    wire: Callable[[], Wire], attach: Attach, method: str, keep_alive: bool
) -> None:
    """A client of 1.0 could not tell a broken image from a whole one."""
    device = attach()
    device.go("STOP_COPY" if method == "GET" else "RESUMING")
    lines = ["Connection: keep-alive"] if keep_alive else []
    lines += ["Content-Length: 5"] if method == "PUT" else []
    connection = wire().ask(method, f"{device.path}/data", *lines, version="1.0")
    if method == "PUT":
        connection.send(b"image")
    connection.answer().problem(505, "http-version-not-supported")
    assert device.session["offset"] == 0


# Expect: 100-continue

def test_expected_continue_comes(wire: Callable[[], Wire], attach: Attach) -> None:
    """A request that will be looked at is told to go on."""
    device = attach()
    for target, kind in (("state", "json"), ("data", "octet-stream")):
        body = b'{"state": "RESUMING"}'
        connection = wire().ask(
            "PUT", f"{device.path}/{target}", "Expect: 100-continue",
            f"Content-Type: application/{kind}", f"Content-Length: {len(body)}")
        assert connection.head().status == 100
        connection.send(body).answer().ok()
    assert device.session["offset"] == len(body)


@pytest.mark.parametrize(("method", "path", "lines", "status", "code"), [
    ("PUT", "DEVICE/data", [], 409, "state-mismatch"),
    ("PUT", "DEVICE/data", ["If-Match: \"0\""], 412, "precondition-failed"),
    ("PUT", "DEVICE/data", ["Content-Type: text/plain"], 415, "unsupported-media-type"),
    ("PUT", "/v1/devices/nobody/data", [], 404, "not-found"),
    ("PUT", "/v1/nothing", [], 404, "not-found"),
    ("PATCH", "/v1", [], 405, "method-not-allowed"),
    ("PUT", "DEVICE/state", ["Content-Type: text/plain"], 415, "unsupported-media-type"),
    ("POST", "/v1/devices?x=1", ["Content-Type: application/json"], 400, "invalid-request"),
    ("PUT", "/v1/devices/nobody/state", ["Content-Type: application/json"], 404, "not-found"),
])
@pytest.mark.parametrize("length", ["Content-Length: 1000000000", "Transfer-Encoding: chunked"])
def test_refusal_comes_before_the_body(
    wire: Callable[[], Wire], attach: Attach, method: str, path: str, lines: list[str],
    status: int, code: str, length: str,
) -> None:
    """Not a byte of the body is asked for."""
    target = path.replace("DEVICE", attach().path)
    connection = wire().ask(method, target, "Expect: 100-continue", length, *lines)
    connection.answer().problem(status, code)


def test_large_body_is_refused_before_it_comes(wire: Callable[[], Wire]) -> None:
    """Its length is enough."""
    connection = wire().ask(
        "POST", "/v1/devices", "Expect: 100-continue", "Content-Type: application/json",
        "Content-Length: 65537")
    connection.answer().problem(413, "body-too-large")


# Pages in a browser

@pytest.mark.parametrize("headers", [
    {"Origin": "http://elsewhere.test"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    # A name that was pointed at loopback after the page had come.
    {"Origin": "http://elsewhere.test", "Host": "elsewhere.test"},
    {"Sec-Fetch-Site": "same-origin", "Host": "elsewhere.test"},
    {"Sec-Fetch-Site": "none", "Host": "127.0.0.1.elsewhere.test"},
])
def test_other_origins(attach: Attach, headers: dict[str, str]) -> None:
    """A page cannot reset a device, nor read one."""
    device = attach()
    generation = device.generation
    device.reset(**headers).problem(403, "cross-origin")
    device.client.ask("GET", device.path, headers=headers).problem(403, "cross-origin")
    assert device.generation == generation


@pytest.mark.parametrize("host", ["127.0.0.1:8440", "localhost:8440", "[::1]:8440", "127.1.2.3"])
def test_own_origin(attach: Attach, host: str) -> None:
    """A page that the agent serves may."""
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert attach().reset(**headers).status == 200


# Problems and the agent itself

SLUGS = [
    "invalid-request", "ambiguous-framing", "cross-origin", "simulation-disabled", "not-found", "no-session",
    "method-not-allowed", "invalid-transition", "transition-in-progress", "device-busy",
    "device-exists", "device-in-use", "state-mismatch", "session-active", "session-lost",
    "stream-busy", "offset-mismatch", "image-unverified", "image-incomplete", "reset-busy",
    "precondition-failed", "body-too-large", "unsupported-media-type", "unsupported-state",
    "attach-failed", "no-migration-support", "write-rejected", "image-rejected",
    "reset-unsupported", "precondition-required", "not-supported", "device-failed",
    "shutting-down", "overloaded", "offset-required", "offset-unavailable", "digest-mismatch",
    "http-version-not-supported",
]


@pytest.mark.parametrize("slug", SLUGS)
def test_problems_have_a_page(client: Client, slug: str) -> None:
    """For people: what it means and what to do."""
    answer = client.get(f"/problems/{slug}")
    assert answer.status == 200
    assert answer["Content-Type"].startswith("text/")
    assert slug in answer.body.decode() and len(answer.body) > 80


def test_agent_describes_itself(agent: Agent, client: Client) -> None:
    """Who it is, and what it takes."""
    about = client.get("/v1").ok()
    assert {"id", "version", "kernel", "libmicrohttpd", "extensions", "limits"} <= set(about)
    assert isinstance(about["extensions"], list)
    assert client.get("/v1").ok()["id"] == about["id"]


def test_times_are_utc(attach: Attach) -> None:
    """RFC 3339, with a Z."""
    device = attach()
    report = device.go("STOP_COPY")
    for time in (device.resource["attached_at"], device.status["since"],
                 report["session"]["opened_at"]):
        assert time[10] == "T" and time.endswith("Z")
