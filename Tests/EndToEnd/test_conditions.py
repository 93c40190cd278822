"""Entity tags, conditions, pages, and requests that wait."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agent import MIB, PATIENCE, Agent, eventually
from answers import Answer
from clients import Client
from conftest import Attach
from devices import SMALL, Device

MANY = 250


# Entity tags

def test_generation_is_the_tag(attach: Attach) -> None:
    """Of the device and of its state, and it grows with every arc."""
    device = attach()
    tags = []
    for state in ("RUNNING", "RUNNING_P2P", "STOP", "STOP_COPY"):
        tags.append(device.put(state).etag)
        for target in (device.path, f"{device.path}/state"):
            answer = device.client.get(target)
            assert answer.etag == f'"{answer.json["generation"]}"' == tags[-1]
    assert sorted(set(tags), key=tags.index) == tags, "each arc has a tag of its own"


def test_generation_grows_with_the_session_but_not_with_offsets(attach: Attach) -> None:
    """A phase is worth a new one, bytes are not."""
    device = attach()
    device.go("PRE_COPY")
    seen = device.generation
    for _ in range(3):
        device.download("?limit=1000")
        assert device.generation == seen
    device.download("?until=drained")
    drained = device.generation
    assert drained > seen
    device.go("STOP_COPY")
    stopped = device.generation
    device.download()
    assert device.generation > stopped > drained
    device.go("STOP", "RESUMING")
    seen = device.generation
    device.upload(b"part")
    assert device.generation > seen, "it is complete now"


def test_generation_survives_detaching(attach: Attach) -> None:
    """A device that comes back under the same id never has a tag that it had before."""
    device = attach()
    seen = device.generation
    device.detach().ok(204)
    assert attach(device.id).generation > seen


@pytest.mark.parametrize("target", ["", "/state"])
def test_if_none_match(attach: Attach, target: str) -> None:
    """304 with the tag and without a body, as long as nothing has changed."""
    device = attach()
    path = device.path + target
    tag = device.client.get(path).etag
    for condition in (tag, f"W/{tag}", f'"0", {tag}', "*", f'"0",{tag} , "1"'):
        answer = device.client.get(path, If_None_Match=condition)
        assert (answer.status, answer.body, answer.etag) == (304, b"", tag)
        assert device.client.ask("HEAD", path, headers={"If-None-Match": condition}).status == 304
    for condition in ('"0"', 'W/"0"', tag.strip('"').join(['"x', '"'])):
        assert device.client.get(path, If_None_Match=condition).ok()
    device.go("STOP")
    assert device.client.get(path, If_None_Match=tag).etag != tag


# Every write that honours If-Match.
WRITES: dict[str, Callable[[Device, str], Answer]] = {
    "PUT state": lambda device, tag: device.put("RUNNING_P2P", {"If-Match": tag}),
    "POST reset": lambda device, tag: device.reset(**{"If-Match": tag}),
    "PUT data": lambda device, tag: device.upload(b"", **{"If-Match": tag}),
    "DELETE": lambda device, tag: device.client.ask(
        "DELETE", device.path, headers={"If-Match": tag}),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("condition", ['"0"', "W/TAG", '"0", "1000000"', '"x"', '""'])
def test_stale_if_match(attach: Attach, write: str, condition: str) -> None:
    """412 with the generation, and nothing has changed; a weak tag never matches."""
    device = attach()
    if write == "PUT data":
        device.go("RESUMING")
    before = device.resource
    tag = device.client.get(device.path).etag
    answer = WRITES[write](device, condition.replace("TAG", tag))
    assert answer.problem(412, "precondition-failed")["generation"] == before["generation"]
    assert device.resource == before


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("condition", ["TAG", '"0", TAG', "*"])
def test_fresh_if_match(attach: Attach, write: str, condition: str) -> None:
    """The write is done."""
    device = attach()
    if write == "PUT data":
        device.go("RESUMING")
    tag = device.client.get(device.path).etag
    answer = WRITES[write](device, condition.replace("TAG", tag))
    assert answer.status == (204 if write == "DELETE" else 200)


@pytest.mark.parametrize("condition", ["1", "x", '"1', "**"])
def test_what_is_no_tag(attach: Attach, condition: str) -> None:
    """400 with the field's name, and nothing has changed."""
    device = attach()
    answer = device.put("STOP", {"If-Match": condition})
    assert answer.problem(400, "invalid-request")["parameter"].lower() == "if-match"
    answer = device.client.get(device.path, If_None_Match=condition)
    assert answer.problem(400, "invalid-request")["parameter"].lower() == "if-none-match"
    assert device.state == "RUNNING"


def test_one_of_many_writers_wins(attach: Attach) -> None:
    """Check and change are one: of writers with the same tag one at most succeeds."""
    device = attach(arc_latency_us=2000)
    tag = device.client.get(device.path).etag
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(device.put("STOP", {"If-Match": tag}).status))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409, 412}


# Pages

@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of an agent with many devices, every fifth of them in STOP."""
    agent = Agent(tmp_path_factory.mktemp("crowd"), "--simulate", "0").started()
    try:
        client = Client(agent.address)
        for number in range(MANY):
            body = {"id": f"device-{number:03}", "source": {"simulated": SMALL}}
            client.post("/v1/devices", body).ok(201)
            if number % 5 == 0:
                Device(client, body["id"]).go("STOP")
        yield client
        assert agent.end() == 0
    finally:
        agent.discard()


def pages(client: Client, query: str = "") -> list[list[str]]:
    """The ids of every page."""
    token, found = "", []
    while True:
        page = client.get(f"/v1/devices?{query}{token}").ok()
        assert set(page) <= {"items", "next_page_token"}
        found.append([item["id"] for item in page["items"]])
        if "next_page_token" not in page:
            return found
        token = f"&page_token={page['next_page_token']}"


@pytest.mark.parametrize(("query", "sizes"), [
    ("", [100, 100, 50]), ("limit=500", [250]), ("limit=250", [250]), ("limit=125", [125, 125]),
    ("limit=249", [249, 1]), ("limit=1&state=STOP", [1] * 50), ("state=STOP&limit=30", [30, 20]),
    ("state=RUNNING", [100, 100]), ("state=STOP_COPY", [0]), ("backend=kernel", [0]),
    ("backend=simulated&state=STOP", [50]),
])
def test_pages(crowd: Client, query: str, sizes: list[int]) -> None:
    """Every device once, in order, and no page more than needed."""
    found = pages(crowd, query)
    assert [len(page) for page in found] == sizes
    ids = [identifier for page in found for identifier in page]
    expected = [f"device-{number:03}" for number in range(MANY)]
    if "STOP" in query.replace("STOP_COPY", ""):
        expected = expected[::5]
    elif "RUNNING" in query:
        expected = [identifier for number, identifier in enumerate(expected) if number % 5]
    assert ids == (expected if any(sizes) else [])


def test_pages_while_devices_go(crowd: Client) -> None:
    """The device that a token names may be gone by then; no other one is missed."""
    first = crowd.get("/v1/devices?limit=10").ok()
    gone = first["items"][-1]["id"]
    Device(crowd, gone).detach().ok(204)
    token = first["next_page_token"]
    second = crowd.get(f"/v1/devices?limit=1&page_token={token}").ok()
    assert [item["id"] for item in second["items"]] == ["device-010"]
    body = {"id": gone, "source": {"simulated": SMALL}}
    crowd.post("/v1/devices", body).ok(201)


# Requests that wait

class Waiting:
    """A request in a thread of its own."""

    def __init__(self, client: Client, target: str, **headers: str) -> None:
        self.answers: list[Answer] = []
        self.thread = threading.Thread(
            target=lambda: self.answers.append(client.get(target, **headers)))
        self.thread.start()

    @property
    def waits(self) -> bool:
        """It has not been answered yet."""
        return self.thread.is_alive()

    def answer(self) -> Answer:
        """Its answer."""
        self.thread.join(PATIENCE)
        return self.answers[0]


def test_waiting_for_a_state(attach: Attach) -> None:
    """Answered as soon as something changes; at once if it has changed already."""
    device = attach()
    target = f"{device.path}/state?wait_ms=60000"
    for is_explicit, goal in ((False, "STOP"), (True, "RUNNING")):
        generation = device.generation
        known = f"&after_generation={generation}"
        waiting = Waiting(device.client, target + (known if is_explicit else ""))
        time.sleep(0.3)
        assert waiting.waits
        device.go(goal)
        assert waiting.answer().ok()["generation"] > generation
        assert device.client.get(target + known).ok()["state"] == goal


def test_waiting_in_vain(attach: Attach) -> None:
    """When the time is up the state is told as it is, or 304 if that is known."""
    device = attach()
    path = f"{device.path}/state"
    start = time.monotonic()
    answer = device.client.get(f"{path}?wait_ms=400&after_generation={device.generation}")
    assert answer.ok()["state"] == "RUNNING"
    assert time.monotonic() - start >= 0.4
    assert device.client.get(f"{path}?wait_ms=1", If_None_Match=answer.etag).status == 304
    assert device.client.get(f"{path}?wait_ms=0").ok()["state"] == "RUNNING"


def test_waiting_for_a_device_that_goes(attach: Attach) -> None:
    """It does not wait until the time is up."""
    device = attach()
    waiting = Waiting(device.client, f"{device.path}/state?wait_ms=60000")
    time.sleep(0.2)
    device.detach().ok(204)
    assert waiting.answer().status in (200, 404)


def test_waiting_for_the_initial_data(attach: Attach) -> None:
    """Answered once nothing of it is left."""
    device = attach(initial_bytes=MIB)
    device.go("PRE_COPY")
    target = f"{device.path}/precopy-info?wait_ms=60000&until=initial-done"
    waiting = Waiting(device.client, target)
    time.sleep(0.3)
    assert waiting.waits
    device.download("?until=drained")
    assert waiting.answer().ok()["initial_bytes"] == 0


def test_waiting_for_dirt(attach: Attach) -> None:
    """Answered once there is something; in vain on a device at rest."""
    quiet, busy = attach(), attach(dirty_bytes_per_second=64 * 1024)
    target = "/precopy-info?wait_ms={}&until=dirty"
    for device in (quiet, busy):
        device.go("PRE_COPY")
    info: Any = busy.client.get(busy.path + target.format(60000)).ok()
    assert info["dirty_bytes"] > 0
    assert quiet.client.get(quiet.path + target.format(300)).ok()["dirty_bytes"] == 0


def test_waiting_ends_with_pre_copy(attach: Attach) -> None:
    """What is waited for cannot come any more."""
    device = attach()
    device.go("PRE_COPY")
    waiting = Waiting(device.client, f"{device.path}/precopy-info?wait_ms=60000&until=dirty")
    time.sleep(0.2)
    device.go("STOP_COPY")
    eventually(lambda: not waiting.waits, "the request has been answered")
    waiting.answer().problem(409, "state-mismatch")
