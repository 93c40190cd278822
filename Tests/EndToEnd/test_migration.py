"""Whole migrations between two devices, by real curl alone."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from agent import GIB, KIB, MIB, SCALE, Agent, eventually, scaled
from clients import curl_json, end_curl, start_curl
from conftest import Attach
from devices import FEATURE_SETS, Device

BLOCK = 4 * KIB


def put_state(url: str, state: str, **members: Any) -> Any:
    """PUT state by curl."""
    return curl_json("-X", "PUT", f"{url}/state", "--json", json.dumps({"state": state, **members}))


class Transfer:
    """`curl -N A/data | curl -T - B/data`, both of them running."""

    def __init__(self, source: str, destination: str, query: str = "") -> None:
        self.down = start_curl("-f", "-N", f"{source}/data{query}", stdout=subprocess.PIPE)
        assert self.down.stdout
        self.up = start_curl(
            "-f", "-T", "-", f"{destination}/data", stdin=self.down.stdout, stdout=subprocess.PIPE)
        # Only the second curl is to hold the pipe, so that it sees the first one's end.
        self.down.stdout.close()

    def kill_source(self) -> None:
        """Kills the curl that reads; the one that writes comes to the end of its input."""
        self.down.kill()
        self.down.wait()
        if self.down.stderr:
            self.down.stderr.close()

    def finish(self) -> Any:
        """What the upload was answered, once both have ended well."""
        assert end_curl(self.down) == 0
        return self.finish_upload()

    def finish_upload(self) -> Any:
        """What the upload was answered."""
        assert self.up.stdout
        output = self.up.stdout.read()
        assert end_curl(self.up) == 0
        self.up.stdout.close()
        return json.loads(output)


@pytest.fixture
def url(agent: Agent) -> Callable[[Device], str]:
    """The URL of a device."""
    return lambda device: agent.url + device.path


@pytest.fixture
def pair(attach: Attach) -> Callable[..., tuple[Device, Device]]:
    """A source and a destination of one kind, with different content."""
    def attach_pair(**plan: Any) -> tuple[Device, Device]:
        return attach(seed=7, **plan), attach(seed=8, **plan)

    return attach_pair


def wait_for_convergence(source: str, most_left: int) -> None:
    """Until the initial data is through and little is dirty."""
    def is_little() -> bool:
        info = curl_json(f"{source}/precopy-info?max_age_ms=100")
        return bool(info["initial_bytes"] == 0 and info["dirty_bytes"] <= most_left)

    eventually(is_little, "pre-copy converges")


def commit(a: str, b: str, to: str = "RUNNING") -> Any:
    """Commits at the destination what the source says that its image is."""
    session = curl_json(f"{a}/session")
    assert session["phase"] == "complete"
    return put_state(b, to, image={"bytes": session["offset"]})


def checksum(url: str) -> str:
    """The digest of a device's state."""
    return str(curl_json(url)["identity"]["state_checksum"])


def test_pre_copy_migration_of_a_running_device(
    pair: Callable[..., tuple[Device, Device]], url: Callable[[Device], str]
) -> None:
    """The source runs and is dirtied while it streams; the destination gets all of it."""
    size = scaled(GIB)
    source, destination = pair(initial_bytes=size, dirty_bytes_per_second=int(16 * MIB * SCALE))
    a, b = url(source), url(destination)
    assert "state_checksum" not in curl_json(a)["identity"], "it is being dirtied"
    put_state(b, "RESUMING")
    put_state(a, "PRE_COPY")
    transfer = Transfer(a, b)
    wait_for_convergence(a, most_left=size // 8)
    assert curl_json(f"{a}/state")["state"] == "PRE_COPY"
    put_state(a, "STOP_COPY")
    uploaded = transfer.finish()
    session = curl_json(f"{a}/session")
    assert uploaded["offset"] == session["offset"] > size + BLOCK, "nothing was sent again"
    assert uploaded["phase"] == session["phase"] == "complete"
    report = commit(a, b, to="STOP")
    assert report["session_ended"]["outcome"] == "committed"
    assert checksum(a) == checksum(b)
    put_state(b, "RUNNING")
    ended = put_state(a, "STOP")["session_ended"]
    assert (ended["outcome"], ended["undelivered"]) == ("committed", False)


def test_checksums_differ_before_and_agree_after(
    pair: Callable[..., tuple[Device, Device]], url: Callable[[Device], str]
) -> None:
    """What the other tests compare says something."""
    source, destination = pair()
    a, b = url(source), url(destination)
    before = checksum(a)
    assert before != checksum(b)
    put_state(b, "RESUMING")
    put_state(a, "STOP_COPY")
    Transfer(a, b).finish()
    assert commit(a, b)["state"] == "RUNNING"
    assert checksum(a) == checksum(b) == before


def test_a_broken_image_shows_in_the_checksum(attach: Attach) -> None:
    """One byte that was changed on the way: the commit takes it, the checksum does not."""
    source, destination = attach(seed=7), attach(seed=8)
    image = bytearray(source.image())
    image[len(image) // 2] ^= 1
    destination.go("RESUMING")
    destination.upload(bytes(image)).ok()
    destination.go("RUNNING", image={"bytes": len(image)})
    assert destination.checksum != source.checksum


def test_source_that_is_cut_in_the_middle(
    pair: Callable[..., tuple[Device, Device]], url: Callable[[Device], str]
) -> None:
    """The upload ends cleanly, and still nothing is committed; the source goes back and runs."""
    source, destination = pair(initial_bytes=scaled(GIB), window=0)
    a, b = url(source), url(destination)
    before = checksum(a)
    put_state(b, "RESUMING")
    put_state(a, "PRE_COPY")
    rate = scaled(64 * MIB)
    transfer = Transfer(a, b, f"?max_bytes_per_second={rate}")
    eventually(lambda: destination.session["offset"] > rate // 8, "bytes arrive")
    transfer.kill_source()
    uploaded = transfer.finish_upload()
    assert uploaded["phase"] == "complete", "to the destination this looks like a whole image"
    eventually(lambda: source.session["phase"] == "failed", "the source knows of the loss")
    # What the whole image would have been, by a second session of the same device.
    source.client.get(f"{source.path}/data").problem(409, "session-lost")
    destination.put("RUNNING").problem(409, "image-unverified")
    whole = source.resource["source"]["simulated"]
    expected = whole["initial_bytes"] + whole["stop_copy_bytes"]
    refused = destination.put("RUNNING", image={"bytes": expected})
    problem = refused.problem(409, "image-incomplete")
    assert problem["offset"] == uploaded["offset"] < expected == problem["declared_bytes"]
    assert "reset" in problem["recovery"]
    assert destination.state == "RESUMING", "nothing was committed"
    ended = put_state(a, "RUNNING")["session_ended"]
    assert (ended["outcome"], ended["undelivered"]) == ("rolled-back", True)
    assert checksum(a) == before


@pytest.mark.parametrize("features", FEATURE_SETS, ids="+".join)
@pytest.mark.parametrize("temporary_end", ["enomsg", "zero"])
def test_every_kind_of_device(
    pair: Callable[..., tuple[Device, Device]], url: Callable[[Device], str],
    features: list[str], temporary_end: str,
) -> None:
    """With pre-copy where the device has it, over a temporary end that is said in either way."""
    source, destination = pair(features=features, temporary_end=temporary_end)
    a, b = url(source), url(destination)
    before = checksum(a)
    put_state(b, "RESUMING")
    put_state(a, "PRE_COPY" if "PRE_COPY" in features else "STOP_COPY")
    transfer = Transfer(a, b)
    if "PRE_COPY" in features:
        eventually(lambda: source.session["phase"] == "drained", "a temporary end")
        if "P2P" in features:
            put_state(a, "PRE_COPY_P2P")
        assert transfer.down.poll() is None, "a temporary end is waited out"
        put_state(a, "STOP_COPY")
    transfer.finish()
    commit(a, b)
    assert checksum(a) == checksum(b) == before


@pytest.mark.parametrize("temporary_end", ["enomsg", "zero"])
@pytest.mark.parametrize("round_trips", [0, 2])
def test_dirtying_while_it_streams(
    pair: Callable[..., tuple[Device, Device]], url: Callable[[Device], str],
    temporary_end: str, round_trips: int,
) -> None:
    """Dirtied blocks are sent again, also after a temporary end and a stay in PRE_COPY_P2P."""
    source, destination = pair(
        initial_bytes=scaled(4 * MIB), dirty_bytes_per_second=scaled(MIB),
        temporary_end=temporary_end)
    a, b = url(source), url(destination)
    put_state(b, "RESUMING")
    put_state(a, "PRE_COPY")
    transfer = Transfer(a, b)
    clean = scaled(4 * MIB) + source.resource["source"]["simulated"]["stop_copy_bytes"]
    for _ in range(round_trips):
        offset = source.session["offset"]
        put_state(a, "PRE_COPY_P2P")
        put_state(a, "PRE_COPY")
        eventually(lambda: source.session["offset"] > offset, "it goes on")
    eventually(lambda: source.session["offset"] > clean + 8 * BLOCK, "blocks are sent again")
    put_state(a, "STOP_COPY")
    assert transfer.finish()["offset"] == curl_json(f"{a}/session")["offset"]
    commit(a, b, to="STOP")
    assert checksum(a) == checksum(b)


def test_a_restored_device_migrates_on(
    attach: Attach, url: Callable[[Device], str]
) -> None:
    """From the first to the second to the third: the state of the first."""
    first, second, third = attach(seed=1), attach(seed=2), attach(seed=3)
    before = first.checksum
    for source, destination in ((first, second), (second, third)):
        a, b = url(source), url(destination)
        put_state(b, "RESUMING")
        put_state(a, "PRE_COPY")
        transfer = Transfer(a, b)
        put_state(a, "STOP_COPY")
        transfer.finish()
        commit(a, b)
    assert third.checksum == before


def test_two_agents(attach: Attach, start: Callable[..., Agent], url: Callable[[Device], str]) -> None:
    """The source and the destination are processes of their own, as on two hosts."""
    other = start("--simulate", "1").started()
    source = attach(seed=7, **{"initial_bytes": 64 * MIB, "stop_copy_bytes": MIB})
    a, b = url(source), f"{other.url}/v1/devices/sim0"
    put_state(b, "RESUMING")
    put_state(a, "PRE_COPY")
    transfer = Transfer(a, b)
    put_state(a, "STOP_COPY")
    transfer.finish()
    commit(a, b)
    assert checksum(a) == checksum(b)
    assert other.end() == 0
