"""Streams that are cut go on where they stopped, and what arrives is the image."""

import hashlib
import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from agent import GIB, KIB, MEMORY_ALLOWANCE, MIB, PATIENCE, Agent, eventually, scaled
from conftest import Attach
from devices import Device
from proxy import Plan, Proxy
from wire import Cut, Wire

INITIAL = 256 * KIB
STOP_COPY = 32 * KIB
PLAN: dict[str, Any] = {"initial_bytes": INITIAL, "stop_copy_bytes": STOP_COPY}
CUTS = 50


class Fetch:
    """A client that takes what it gets and goes on behind it."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.offset = 0
        self.digest = hashlib.sha256()
        self.trailers: dict[str, str] = {}

    def run(self, address: str) -> bool:
        """One connection; whether the stream came to its end."""
        target = f"{self.device.path}/data?offset={self.offset}"
        with Wire(address) as wire:
            wire.ask("GET", target)
            try:
                answer = wire.head()
                assert answer.status == 200, answer
                assert int(answer["Stream-Offset"]) == self.offset
                while self._take_chunk(wire):
                    pass
                self.trailers = wire.trailer()
            except Cut:
                return False
        return True

    def _take_chunk(self, wire: Wire) -> bool:
        left = wire.chunk_size()
        if left == 0:
            return False
        while left:
            # A part of a chunk counts as well: it has arrived.
            data = wire.some(left)
            self.digest.update(data)
            self.offset += len(data)
            left -= len(data)
        assert wire.take(2) == b"\r\n"
        return True

    def run_to_end(self, address: str) -> None:
        """As many connections as it takes."""
        while not self.run(address):
            pass


def cutting(size: int, seed: int) -> Callable[[], Plan]:
    """Plans that cut CUTS times somewhere in a stream of so many bytes."""
    numbers = random.Random(seed)
    left = [CUTS]

    def plan() -> Plan:
        if not left[0]:
            return Plan()
        left[0] -= 1
        # Even the last of them comes before the end.
        return Plan(numbers.randrange(300, size // CUTS), by_reset=numbers.random() < 0.5)

    return plan


def test_large_stream_with_many_cuts(agent: Agent, attach: Attach) -> None:
    """2 GiB, 50 cuts at random offsets: complete, with the right SHA-256."""
    size = scaled(2 * GIB)
    device = attach(initial_bytes=size, stop_copy_bytes=STOP_COPY)
    device.go("STOP_COPY")
    fetch = Fetch(device)
    with Proxy(agent.address, cutting(size, seed=1)) as proxy:
        fetch.run_to_end(proxy.address)
        assert proxy.cuts == CUTS
    assert fetch.offset == size + STOP_COPY == device.session["offset"]
    assert fetch.trailers["stream-state"] == "complete"
    assert device.session["sha256"] == fetch.digest.hexdigest()
    again = Fetch(device)
    device.go("STOP", "STOP_COPY")
    again.run_to_end(agent.address)
    assert again.digest.hexdigest() == fetch.digest.hexdigest()


def test_cuts_while_it_runs(agent: Agent, attach: Attach) -> None:
    """Through pre-copy with dirtying and the switch to STOP_COPY; a restored device proves it."""
    size = scaled(64 * MIB)
    source = attach(seed=3, initial_bytes=size, dirty_bytes_per_second=MIB)
    source.go("PRE_COPY")
    fetch = Fetch(source)
    plan = cutting(size, seed=2)
    with Proxy(agent.address, plan) as proxy:
        for _ in range(CUTS // 2):
            assert not fetch.run(proxy.address)
        source.go("STOP_COPY")
        fetch.run_to_end(proxy.address)
    session = source.session
    assert (session["offset"], session["sha256"]) == (fetch.offset, fetch.digest.hexdigest())


def cut_one(device: Device, count: int = 64 * KIB) -> bytes:
    """Takes some bytes of a slow stream and goes; what has come."""
    with device.open_stream(f"?max_bytes_per_second={20 * count}") as wire:
        wire.head()
        data = wire.chunk()
    eventually(
        lambda: "offset-required" in device.download("?limit=1").body.decode("latin-1"),
        "the cut is known")
    return data


def test_offset_is_required_after_a_cut(attach: Attach) -> None:
    """The agent does not know how much arrived, and says what there is."""
    device = attach(**PLAN)
    device.go("STOP_COPY")
    first = cut_one(device)
    problem = device.download().problem(409, "offset-required")
    assert problem["earliest_offset"] == 0 == device.session["earliest_offset"]
    assert problem["offset"] == device.session["offset"] >= len(first)
    assert device.session["phase"] == "active", "nothing is lost"
    rest = device.download(f"?offset={len(first)}")
    whole = first + rest.body
    assert len(whole) == INITIAL + STOP_COPY
    assert device.session["sha256"] == hashlib.sha256(whole).hexdigest()
    # What was delivered can be had again, as long as it is there.
    assert device.download("?offset=0").body == whole


@pytest.mark.parametrize("window", [0, MIB])
def test_below_the_window(attach: Attach, window: int) -> None:
    """416 with what there is; at its edge the stream goes on."""
    size = 8 * MIB
    device = attach(window=window, initial_bytes=size)
    device.go("STOP_COPY")
    device.download(f"?limit={6 * MIB}")
    session = device.session
    assert session["earliest_offset"] == 6 * MIB - window
    for offset in (0, session["earliest_offset"] - 1, 6 * MIB + 1):
        problem = device.download(f"?offset={offset}").problem(416, "offset-unavailable")
        assert problem["earliest_offset"] == session["earliest_offset"]
        assert problem["offset"] == 6 * MIB
    assert device.session["phase"] == "active"
    edge = session["earliest_offset"]
    answer = device.download(f"?offset={edge}")
    assert len(answer.body) == size + 4 * KIB - edge
    assert answer.trailers["stream-state"] == "complete"


def test_partial_digests(attach: Attach) -> None:
    """Content-Digest is of the body, whatever part of the image that is."""
    device = attach(**PLAN)
    device.go("STOP_COPY")
    for query in ("?limit=1000", "?offset=10&limit=100000", "?offset=500", "?offset=0", ""):
        answer = device.download(query)
        body = hashlib.sha256(answer.body).digest()
        assert answer.trailers["content-digest"] == f"sha-256=:{b64encode(body).decode()}:", query
    device.go("STOP", "STOP_COPY")
    answer = device.download("?digest=none")
    assert "content-digest" not in answer.trailers
    assert "Content-Digest" not in answer["Trailer"]
    assert "sha256" not in device.session and device.session["phase"] == "complete"


def test_memory_is_the_window_and_little_more(agent: Agent, attach: Attach) -> None:
    """And it is given back when the session ends."""
    size, window = scaled(GIB), 64 * MIB
    device = attach(initial_bytes=size)
    device.go("STOP_COPY")
    before = agent.resident
    most = 0
    with device.open_stream("?digest=none") as wire:
        answer = wire.head()
        while wire.chunk(answer):
            most = max(most, agent.resident)
    assert most - before < window + 16 * MIB * MEMORY_ALLOWANCE
    device.go("STOP")
    eventually(
        lambda: agent.resident - before < 16 * MIB * MEMORY_ALLOWANCE, "it is given back",
        PATIENCE)
