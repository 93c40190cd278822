"""The resuming session: what is taken in, and what each commit of it answers."""

from typing import Any

import pytest
from agent import KIB, MIB, eventually
from clients import Client
from conftest import Attach
from devices import Device
from wire import Wire

INITIAL = 256 * KIB
STOP_COPY = 32 * KIB
PLAN: dict[str, Any] = {"initial_bytes": INITIAL, "stop_copy_bytes": STOP_COPY}
WAYS_OUT = ["STOP", "RUNNING", "RUNNING_P2P", "STOP_COPY", "PRE_COPY", "PRE_COPY_P2P"]
# Every proof that a client could offer; N stands for what is true of the source.
PROOFS: dict[str, dict[str, Any]] = {
    "none": {}, "right": {"image": {"bytes": "N"}}, "accept": {"accept_unverified": True},
    "both": {"image": {"bytes": "N"}, "accept_unverified": True},
}


@pytest.fixture
def source(attach: Attach) -> tuple[Device, bytes]:
    """A source and its image."""
    device = attach(seed=1, **PLAN)
    return device, device.image()


@pytest.fixture
def target(attach: Attach) -> Device:
    """A destination in RESUMING."""
    device = attach(seed=2, **PLAN)
    device.go("RESUMING")
    return device


def proof(name: str, length: int) -> dict[str, Any]:
    """The members of a proof."""
    members = {**PROOFS[name]}
    if "image" in members:
        members["image"] = {"bytes": length}
    return members


def cut_upload(device: Device, data: bytes) -> None:
    """An upload whose client disappears after some bytes."""
    with device.open_upload() as wire:
        wire.send_chunk(data)
        eventually(lambda: device.session["offset"] == len(data), "the bytes are in the device")
    # The writer's turn is over once another one is not refused for it.
    eventually(
        lambda: device.upload(b"").json.get("code") != "stream-busy", "the upload is over")


# What succeeds

@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_commit(source: tuple[Device, bytes], target: Device, way_out: str) -> None:
    """With the source's word, on the way to everywhere."""
    device, image = source
    session = target.upload(image).ok()
    assert (session["direction"], session["phase"]) == ("resuming", "complete")
    assert session["offset"] == len(image)
    report = target.go(way_out, image={"bytes": len(image)})
    assert report["session_ended"] == {
        "id": session["id"], "outcome": "committed", "undelivered": False}
    target.go("STOP")
    assert target.checksum == device.checksum


def test_commit_is_readable_afterwards(source: tuple[Device, bytes], target: Device) -> None:
    """Who asks after a crash learns whether it happened."""
    _, image = source
    target.upload(image).ok()
    target.go("STOP", image={"bytes": len(image)})
    assert (target.session["phase"], target.session["outcome"]) == ("ended", "committed")


@pytest.mark.parametrize("size", [1, 4095, 65536])
def test_upload_in_chunks_of_any_size(
    source: tuple[Device, bytes], target: Device, size: int
) -> None:
    """Headers and blocks may be cut anywhere."""
    device, image = source
    with target.open_upload() as wire:
        pieces = [image[at:at + size] for at in range(0, 3000 if size == 1 else len(image), size)]
        sent = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)
        wire.send(sent)
        if size == 1:
            wire.send_chunk(image[3000:])
        wire.send_chunk(b"")
        assert wire.answer().ok()["offset"] == len(image)
    target.go("STOP", image={"bytes": len(image)})
    assert target.checksum == device.checksum


@pytest.mark.parametrize("way_out", ["STOP", "RUNNING"])
def test_commit_on_ones_own_risk(
    source: tuple[Device, bytes], target: Device, way_out: str
) -> None:
    """accept_unverified does without the source's word; false does not."""
    device, image = source
    target.upload(image).ok()
    target.put(way_out, accept_unverified=False).problem(409, "image-unverified")
    target.go(way_out, accept_unverified=True)
    target.go("STOP")
    assert target.checksum == device.checksum


# What is refused before it reaches the device

@pytest.mark.parametrize("way_out", WAYS_OUT)
def test_unverified(source: tuple[Device, bytes], target: Device, way_out: str) -> None:
    """Without a word on the image nothing is committed."""
    _, image = source
    target.upload(image).ok()
    problem = target.put(way_out).problem(409, "image-unverified")
    assert problem["offset"] == len(image)
    assert "reset" in problem["recovery"]
    assert target.state == "RESUMING"
    assert target.go(way_out, image={"bytes": len(image)}), "and it still can be"


@pytest.mark.parametrize("difference", [-1, 1, 10**6])
@pytest.mark.parametrize("accepts", [False, True])
def test_wrong_length(
    source: tuple[Device, bytes], target: Device, difference: int, accepts: bool
) -> None:
    """What does not match is refused, and no acceptance helps against a known mismatch."""
    _, image = source
    target.upload(image).ok()
    declared = len(image) + difference
    problem = target.put(
        "RUNNING", image={"bytes": declared}, accept_unverified=accepts,
    ).problem(409, "image-incomplete")
    assert (problem["offset"], problem["declared_bytes"]) == (len(image), declared)
    assert target.state == "RESUMING"
    assert target.session["phase"] == "complete", "nothing is lost by asking"


@pytest.mark.parametrize("name", PROOFS)
def test_nothing_was_sent(target: Device, name: str) -> None:
    """There is no image that could be taken for whole, not even one of no bytes."""
    for length in (0, INITIAL):
        target.put("STOP", **proof(name, length)).problem(409, "image-incomplete")
    target.upload(b"").ok()
    target.put("STOP", **proof(name, 0)).problem(409, "image-incomplete")
    assert target.state == "RESUMING"


@pytest.mark.parametrize("name", PROOFS)
def test_upload_that_was_cut(source: tuple[Device, bytes], target: Device, name: str) -> None:
    """A body without its end is short, whatever is said of it."""
    _, image = source
    cut_upload(target, image[:100000])
    assert target.session["phase"] != "complete"
    target.put("STOP", **proof(name, len(image))).problem(409, "image-incomplete")
    assert target.state == "RESUMING"


@pytest.mark.parametrize("name", PROOFS)
def test_commit_during_the_upload(
    source: tuple[Device, bytes], target: Device, name: str
) -> None:
    """Nobody commits what is still coming in, even if every byte is there."""
    device, image = source
    with target.open_upload() as wire:
        wire.send_chunk(image)
        eventually(lambda: target.session["offset"] == len(image), "all of it is there")
        target.put("STOP", **proof(name, len(image))).problem(409, "image-incomplete")
        wire.send_chunk(b"")
        wire.answer().ok()
    target.go("STOP", image={"bytes": len(image)})
    assert target.checksum == device.checksum


# What the device refuses

@pytest.mark.parametrize(("name", "status", "code"), [
    ("none", 409, "image-unverified"), ("whole", 409, "image-incomplete"),
    ("right", 422, "image-rejected"), ("accept", 422, "image-rejected"),
])
def test_short_image(
    source: tuple[Device, bytes], target: Device, name: str, status: int, code: str
) -> None:
    """A body that was cut before, and ends cleanly here: only the source's word tells."""
    _, image = source
    target.upload(image[:-1]).ok()
    said = len(image) if name == "whole" else len(image) - 1
    members = proof("right" if name == "whole" else name, said)
    problem = target.put("STOP", **members).problem(status, code)
    assert "reset" in problem["recovery"]
    assert target.state == "RESUMING"
    if code == "image-rejected":
        assert problem["failed_arc"] == {"from": "RESUMING", "to": "STOP"}
        assert problem["recovery"] == ["reset"], "no driver but one is known to go on"
        target.put("STOP", **proof("both", said)).problem(409, "image-incomplete")


@pytest.mark.parametrize("garbage", [b"\0" * 64, b"GARBAGE " * 8, b"\xff" * 100000])
def test_foreign_image(source: tuple[Device, bytes], target: Device, garbage: bytes) -> None:
    """Refused by the device, and that is latched: nothing but a reset helps."""
    device, image = source
    problem = target.upload(garbage).problem(422, "write-rejected")
    assert problem["errno"] == "EINVAL"
    assert problem["recovery"] == ["reset"]
    check_latched(target, image)
    target.go("RESUMING")
    target.upload(image).ok()
    target.go("STOP", image={"bytes": len(image)})
    assert target.checksum == device.checksum


def check_latched(target: Device, image: bytes) -> None:
    """No later byte and no word changes it; a reset does."""
    session = target.session
    assert session["phase"] == "failed"
    assert session["last_error"]["code"]
    for name in PROOFS:
        for length in (len(image), session["offset"]):
            target.put("STOP", **proof(name, length)).problem(409, "image-incomplete")
    assert target.upload(image).json["code"] in ("session-lost", "offset-mismatch")
    assert target.state == "RESUMING"
    report = target.reset().ok()
    assert report["session_ended"]["outcome"] == "reset"


@pytest.mark.parametrize("extra", [1, 5000])
@pytest.mark.parametrize("apart", [False, True])
def test_image_that_is_too_long(
    source: tuple[Device, bytes], target: Device, extra: int, apart: bool
) -> None:
    """A write across the end fails whole, with ENOMEM."""
    _, image = source
    with target.open_upload() as wire:
        if apart:
            wire.send_chunk(image)
            eventually(lambda: target.session["offset"] == len(image), "the image is there")
        wire.send_chunk((b"" if apart else image) + b"x" * extra).send_chunk(b"")
        problem = wire.answer().problem(422, "write-rejected")
    assert problem["errno"] == "ENOMEM"
    check_latched(target, image)


def test_refused_in_the_middle_of_a_long_upload(client: Client, target: Device) -> None:
    """The rest of the body is not waited for endlessly, and the answer still arrives."""
    with Wire(client.address) as wire:
        wire.ask("PUT", f"{target.path}/data", f"Content-Length: {8 * MIB}")
        wire.send(b"GARBAGE " * MIB)
        wire.answer().problem(422, "write-rejected")


# Who may write, and where

@pytest.mark.parametrize("start", [b"x", b"image" * 10])
def test_wrong_offset(target: Device, start: bytes) -> None:
    """A whole image begins at the beginning."""
    target.upload(start).ok()
    problem = target.upload(b"y").problem(409, "offset-mismatch")
    assert problem["expected_offset"] == len(start)
    assert target.session["offset"] == len(start)


def test_second_uploader(source: tuple[Device, bytes], target: Device) -> None:
    """Refused while the first one lives, and the first one is not disturbed."""
    device, image = source
    with target.open_upload() as wire:
        wire.send_chunk(image[:1000])
        eventually(lambda: target.session["offset"] == 1000, "the first one writes")
        target.upload(image).problem(409, "stream-busy")
        wire.send_chunk(image[1000:]).send_chunk(b"")
        wire.answer().ok()
    target.go("STOP", image={"bytes": len(image)})
    assert target.checksum == device.checksum


@pytest.mark.parametrize("state", ["RUNNING", "STOP", "STOP_COPY", "PRE_COPY"])
def test_writing_outside_resuming(attach: Attach, state: str) -> None:
    """409 with the state."""
    device = attach(**PLAN)
    device.go(state)
    assert device.upload(b"image").problem(409, "state-mismatch")["state"] == state


def test_reset_during_the_upload(target: Device) -> None:
    """The writer is told, and not one more byte reaches the device."""
    with target.open_upload() as wire:
        wire.send_chunk(b"x" * 10)
        eventually(lambda: target.session["offset"] == 10, "the bytes are there")
        target.reset().ok()
        wire.send_chunk(b"y" * 10).send_chunk(b"")
        assert wire.answer().problem(409, "state-mismatch")["state"] == "RUNNING"


def test_detach_during_the_upload(target: Device) -> None:
    """Force is force: a writer that says nothing does not keep the device open."""
    with target.open_upload() as wire:
        wire.send_chunk(b"x" * 10)
        eventually(lambda: target.session["offset"] == 10, "the bytes are there")
        assert target.detach(force=True).status == 204
        assert wire.rest() == b"", "the connection is closed, without a success"
