"""Bodies and parameters: what is taken, and how exactly it is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from agent import KIB
from clients import Client
from conftest import Attach
from wire import Wire

LIMIT = 64 * KIB


def source(**plan: Any) -> dict[str, Any]:
    """The body that attaches a device of some plan."""
    return {"source": {"simulated": plan}}


def fault(**members: Any) -> dict[str, Any]:
    """The body that attaches a device with one fault."""
    return source(faults=[{"on": "arc", "nth": 1, "action": "stall", **members}])


# What is wrong, by its JSON pointer.
WRONG_DEVICES = [
    ({"nope": 1, **source()}, "/nope"),
    ({"a/b~c": 1, **source()}, "/a~1b~0c"),
    ({}, "/source"),
    ({"source": 1}, "/source"),
    ({"source": {}}, "/source"),
    ({"source": {"simulated": {}, "cdev": {"path": "/dev/vfio/devices/vfio0"}}}, "/source"),
    ({"source": {"other": {}}}, "/source/other"),
    ({"source": {"simulated": []}}, "/source/simulated"),
    ({"source": {"cdev": {}}}, "/source/cdev/path"),
    ({"source": {"cdev": {"path": "/etc/passwd"}}}, "/source/cdev/path"),
    ({"source": {"cdev": {"path": "/dev/vfio/devices/vfio0/../../null"}}}, "/source/cdev/path"),
    ({"source": {"cdev": {"path": "/dev/vfio/devices/vfio"}}}, "/source/cdev/path"),
    ({"source": {"group": {"group": -1, "device": "0000:00:00.0"}}}, "/source/group/group"),
    ({"source": {"group": {"group": 1}}}, "/source/group/device"),
    ({"id": "", **source()}, "/id"),
    ({"id": "x" * 65, **source()}, "/id"),
    ({"id": "a b", **source()}, "/id"),
    ({"id": "a/b", **source()}, "/id"),
    ({"id": "..", **source()}, "/id"),
    ({"id": 7, **source()}, "/id"),
    (source(nope=1), "/source/simulated/nope"),
    (source(initial_bytes=1.0), "/source/simulated/initial_bytes"),
    (source(initial_bytes="1"), "/source/simulated/initial_bytes"),
    (source(initial_bytes=True), "/source/simulated/initial_bytes"),
    (source(initial_bytes=None), "/source/simulated/initial_bytes"),
    (source(initial_bytes=-1), "/source/simulated/initial_bytes"),
    (source(seed=1e3), "/source/simulated/seed"),
    (source(last_close_resets=0), "/source/simulated/last_close_resets"),
    (source(temporary_end="eof"), "/source/simulated/temporary_end"),
    (source(precopy_info="v3"), "/source/simulated/precopy_info"),
    (source(features=["P2P"]), "/source/simulated/features"),
    (source(features=["STOP_COPY", "p2p"]), "/source/simulated/features/1"),
    (source(faults=[{}]), "/source/simulated/faults/0/on"),
    (fault(nope=1), "/source/simulated/faults/0/nope"),
    (fault(nth=0), "/source/simulated/faults/0/nth"),
    (fault(on="ioctl"), "/source/simulated/faults/0/on"),
    (fault(action="errno", errno="EWHAT"), "/source/simulated/faults/0/errno"),
    (fault(action="emfile-after", on="read"), "/source/simulated/faults/0/action"),
]
WRONG_STATES = [
    ({}, "/state"),
    ({"state": 1}, "/state"),
    ({"state": "running"}, "/state"),
    ({"state": "UNKNOWN(8)"}, "/state"),
    ({"state": "STOP", "nope": 1}, "/nope"),
    ({"state": "STOP", "image": 1}, "/image"),
    ({"state": "STOP", "image": {}}, "/image/bytes"),
    ({"state": "STOP", "image": {"bytes": 1.0}}, "/image/bytes"),
    ({"state": "STOP", "image": {"bytes": -1}}, "/image/bytes"),
    ({"state": "STOP", "image": {"bytes": "1"}}, "/image/bytes"),
    ({"state": "STOP", "image": {"bytes": 1, "nope": 1}}, "/image/nope"),
    ({"state": "STOP", "accept_unverified": 1}, "/accept_unverified"),
]
NOT_AN_OBJECT = [
    b"", b" ", b"{", b"[]", b"null", b"1", b'"a"', b"{}{}", b"{} x", b"{'a': 1}", b'{"a": 1,}',
    b"\xef\xbb\xbf{}", b'{"state": "STOP\xff"}', b'{"state": "STOP\x00"}', b'{"state": 01}',
    b'{"state": "STOP", "state": "RUNNING"}', b'{"state": "STOP", "st\\u0061te": "STOP"}',
    b'{"state": NaN}', b'{"state": 99999999999999999999}', b'{"state": "\\ud800"}',
    b"[" * 60000, b'{"a":' * 10000,
]


@pytest.mark.parametrize(("body", "pointer"), WRONG_DEVICES, ids=lambda value: str(value)[:60])
def test_wrong_members_of_a_device(client: Client, body: Any, pointer: str) -> None:
    """400 with a pointer, and nothing is attached."""
    before = client.get("/v1/devices").body
    assert client.post("/v1/devices", body).problem(400, "invalid-request")["pointer"] == pointer
    assert client.get("/v1/devices").body == before


@pytest.mark.parametrize(("body", "pointer"), WRONG_STATES, ids=lambda value: str(value)[:60])
def test_wrong_members_of_a_state(
    client: Client, attach: Attach, body: Any, pointer: str
) -> None:
    """400 with a pointer, and the device stays where it is."""
    device = attach()
    answer = client.put(f"{device.path}/state", body)
    assert answer.problem(400, "invalid-request")["pointer"] == pointer
    assert device.state == "RUNNING"


@pytest.mark.parametrize("body", NOT_AN_OBJECT, ids=lambda body: repr(body[:24]))
def test_what_is_no_json_object(client: Client, attach: Attach, body: bytes) -> None:
    """400, and the device stays where it is."""
    device = attach()
    problem = client.put(f"{device.path}/state", body).problem(400, "invalid-request")
    assert isinstance(problem["pointer"], str)
    assert device.state == "RUNNING"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("extra", [0, 1])
def test_the_largest_body(
    wire: Callable[[], Wire], attach: Attach, chunked: bool, extra: int
) -> None:
    """64 KiB are taken, one more byte is not."""
    device = attach()
    text = json.dumps({"state": "STOP"}).encode()
    body = text + b" " * (LIMIT + extra - len(text))
    connection = wire()
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    connection.ask("PUT", f"{device.path}/state", "Content-Type: application/json", length)
    if chunked:
        connection.send_chunk(body[:5000]).send_chunk(body[5000:]).send_chunk(b"")
    else:
        connection.send(body)
    answer = connection.answer()
    if extra:
        answer.problem(413, "body-too-large")
    else:
        answer.ok()
    assert device.state == ("RUNNING" if extra else "STOP")


@pytest.mark.parametrize(("kind", "is_taken"), [
    ("application/json", True), ("Application/JSON", True), ("application/json;charset=utf-8", True),
    ("application/json ; charset=utf-8", True), ("text/plain", False), ("text/json", False),
    ("application/jsonx", False), ("application/x-www-form-urlencoded", False), (None, False),
])
def test_media_type_of_json(attach: Attach, kind: str | None, is_taken: bool) -> None:
    """JSON says that it is JSON: no page in a browser can send it to this machine unasked."""
    device = attach()
    answer = device.client.ask(
        "PUT", f"{device.path}/state", b'{"state": "STOP"}', {"Content-Type": kind} if kind else {})
    if is_taken:
        answer.ok()
    else:
        answer.problem(415, "unsupported-media-type")
    assert device.state == ("STOP" if is_taken else "RUNNING")


@pytest.mark.parametrize(("kind", "is_taken"), [
    ("application/octet-stream", True), (None, True), ("application/json", False),
    ("text/plain", False), ("application/x-www-form-urlencoded", False),
])
def test_media_type_of_data(attach: Attach, kind: str | None, is_taken: bool) -> None:
    """An image is application/octet-stream or nothing."""
    device = attach()
    image = device.image()
    device.go("RESUMING")
    answer = device.upload(image, **({"Content-Type": kind} if kind else {}))
    if is_taken:
        assert answer.ok()["offset"] == len(image)
    else:
        answer.problem(415, "unsupported-media-type")
        assert device.session["offset"] == 0


@pytest.mark.parametrize(("target", "name"), [
    ("/v1?x=1", "x"), ("/v1?x", "x"), ("/v1/devices?Limit=1", "Limit"),
    ("/v1/devices?limit=0", "limit"), ("/v1/devices?limit=501", "limit"),
    ("/v1/devices?limit=1.0", "limit"), ("/v1/devices?limit=%2B1", "limit"),
    ("/v1/devices?limit=", "limit"), ("/v1/devices?limit=1&limit=1", "limit"),
    ("/v1/devices?limit=99999999999999999999", "limit"), ("/v1/devices?limit=-1", "limit"),
    ("/v1/devices?state=running", "state"), ("/v1/devices?backend=real", "backend"),
    ("/v1/devices?page_token=a%20b", "page_token"), ("/v1/host-devices?state=STOP", "state"),
    ("DEVICE?force=true", "force"), ("DEVICE/session?x=1", "x"),
    ("DEVICE/state?wait_ms=60001", "wait_ms"), ("DEVICE/state?wait_ms=-1", "wait_ms"),
    ("DEVICE/state?after_generation=x", "after_generation"),
    ("DEVICE/precopy-info?max_age_ms=99", "max_age_ms"),
    ("DEVICE/precopy-info?until=drained", "until"),
    ("DEVICE/data?until=initial-done", "until"), ("DEVICE/data?limit=0", "limit"),
    ("DEVICE/data?max_bytes_per_second=0", "max_bytes_per_second"),
    ("/problems/not-found?x=1", "x"),
])
def test_wrong_parameters(client: Client, attach: Attach, target: str, name: str) -> None:
    """400 with the parameter's name."""
    answer = client.get(target.replace("DEVICE", attach().path))
    assert answer.problem(400, "invalid-request")["parameter"] == name


def test_wrong_parameters_of_writes(attach: Attach) -> None:
    """They are looked at before anything is done."""
    device = attach()
    assert device.detach().status == 204
    device = attach(device.id)
    for method, target, name in [
        ("DELETE", "?force=yes", "force"), ("DELETE", "?x=1", "x"), ("PUT", "/state?x=1", "x"),
        ("POST", "/reset?force=true", "force"), ("PUT", "/data?x=1", "x"),
    ]:
        answer = device.client.ask(method, device.path + target)
        assert answer.problem(400, "invalid-request")["parameter"] == name
    assert device.state == "RUNNING"


def test_parameters_are_decoded(attach: Attach) -> None:
    """Percent signs work in values and in names."""
    device = attach()
    page = device.client.get("/v1/devices?%6Cimit=1&state=RUN%4EING").ok()
    assert [item["id"] for item in page["items"]] == [device.id]
    assert device.client.get(device.path.replace("devices", "de%76ices")).ok()["id"] == device.id
