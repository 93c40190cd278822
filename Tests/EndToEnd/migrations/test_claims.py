"""What happens to the devices of a migration: who may move them, and what becomes of both."""

import pytest
from agent import eventually
from ends import COMPLETED, check, complete, settle
from hosts import Pair

pytest_plugins = ["stage"]


def test_both_ends_are_told(pair: Pair) -> None:
    """The source's object has the arcs of both sides from the first on, and where both have ended."""
    pair.attach()
    record = complete(pair)
    device = record["devices"][0]
    assert (device["state"], device["destination_state"]) == ("STOP", "RUNNING")
    assert device["progress"]["acknowledged_bytes"] == device["image"]["bytes"]
    assert "dirty_bytes" not in device["progress"]
    there = [arc for arc in record["arcs"] if arc["side"] == "destination"]
    assert there[0]["from"] == "RUNNING" and there[-1]["to"] == "RUNNING"
    assert all(one["to"] == other["from"] for one, other in zip(there, there[1:]))
    assert pair.b.migration("m1")["devices"][0]["progress"]["bytes"] == device["image"]["bytes"]
    pair.a.kill()
    pair.a.restart()
    assert pair.a.migration("m1")["devices"][0]["destination_state"] == "RUNNING"


def test_claims(pair: Pair) -> None:
    """Nobody else changes the devices from the beginning to the end, and reading is free."""
    pair.attach()
    pair.migrate(switchover="manual")
    pair.a.wait_for("m1", "waiting-switchover")
    for side, name in ((pair.a, "a0"), (pair.b, "b0")):
        device = side.device(name)
        assert device.resource["claimed_by"] == "m1"
        for other in ({}, {"Migration-Id": "m2"}):
            problem = device.put("STOP", headers=other).problem(409, "device-claimed")
            assert problem["migration"] == "m1"
        device.reset().problem(409, "device-claimed")
        device.detach().problem(409, "device-claimed")
        device.detach(force=True).problem(409, "device-claimed")
        device.download().problem(409, "device-claimed")
        device.upload(b"x").problem(409, "device-claimed")
        assert device.session["phase"] in ("active", "drained")
    pair.a.act("m1", "switchover").ok()
    settle(pair, "m1")
    assert "claimed_by" not in pair.a.device("a0").resource
    pair.b.device("b0").go("STOP", "RUNNING")


def test_nobody_in_its_name(pair: Pair) -> None:
    """The source that coordinates by itself moves its devices alone, whatever anybody says to be."""
    pair.attach()
    images = pair.images
    name = {"Migration-Id": "m1"}
    trap = pair.b.gate.hold("/run HTTP")
    pair.migrate()
    device = pair.a.device("a0")
    eventually(trap.reached.is_set, "it is committed")
    for state in ("STOP", "RUNNING"):
        device.put(state, headers=name).problem(409, "device-claimed")
    target = f"{device.path}?force=true"
    pair.a.client.ask("DELETE", target, headers=name).problem(409, "device-claimed")
    assert device.state == "STOP_COPY"
    trap.released.set()
    check(pair, images, COMPLETED)


def test_handed_over(pair: Pair) -> None:
    """The source's device stays in STOP, over a restart too, until a reset has wiped it."""
    pair.attach()
    complete(pair)
    for _ in range(2):
        device = pair.a.device("a0")
        note = device.resource["handed_over"]
        assert (note["migration"], note["destination"]) == ("m1", pair.b.gate.url)
        for state in ("RUNNING", "STOP_COPY", "RESUMING", "PRE_COPY"):
            device.put(state).problem(409, "device-handed-over")
        device.go("STOP")
        device.download().problem(409, "device-handed-over")
        pair.a.post(pair.request("m2")).problem(409, "device-handed-over")
        pair.a.kill()
        pair.a.restart()
    device = pair.a.device("a0")
    device.client.ask("POST", f"{device.path}/reset").ok()
    assert "handed_over" not in device.resource
    device.go("STOP", "RUNNING")


@pytest.mark.parametrize("after", ["reset", "stop", "detach"])
def test_what_becomes_of_the_source(pair: Pair, after: str) -> None:
    """Wiped and free, still and marked, or gone; never running what it has given away."""
    pair.attach()
    before = pair.a.device("a0").checksum
    complete(pair, source_after=after)
    assert pair.b.device("b0").checksum == before
    answer = pair.a.client.get("/v1/devices/a0")
    if after == "detach":
        assert answer.status == 404
        return
    device = answer.ok()
    assert device["state"] == ("RUNNING" if after == "reset" else "STOP")
    assert ("handed_over" in device) == (after == "stop")
    assert (device["identity"]["state_checksum"] == before) == (after == "stop")


def test_final_state(pair: Pair) -> None:
    """The destination may be left in STOP, with the image."""
    pair.attach()
    before = pair.a.device("a0").checksum
    complete(pair, final_state="STOP")
    assert (pair.b.device("b0").state, pair.b.device("b0").checksum) == ("STOP", before)
