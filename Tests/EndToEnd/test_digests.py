"""Bytes that change on their way are found before anything is committed."""

import hashlib
import random
import re
from base64 import b64encode
from typing import Any

import pytest
from agent import KIB, Agent
from answers import Answer
from clients import curl_json
from conftest import Attach
from devices import Device
from proxy import Plan, Proxy
from test_resume_upload import append, standing
from wire import Wire

PLAN: dict[str, Any] = {"initial_bytes": 256 * KIB, "stop_copy_bytes": 32 * KIB}
# Where the proxy may change a byte: behind every head, before every trailer.
SEEDS = range(12)


@pytest.fixture
def source(attach: Attach) -> Device:
    """A source at rest."""
    device = attach(seed=5, **PLAN)
    device.go("STOP", "STOP_COPY")
    return device


@pytest.fixture
def image(source: Device) -> bytes:
    """Its image."""
    return source.download().body


@pytest.fixture
def device(attach: Attach) -> Device:
    """A destination in RESUMING."""
    device = attach(seed=6, **PLAN)
    device.go("RESUMING")
    return device


def field(data: bytes) -> str:
    """The digest of data as Content-Digest and Repr-Digest say it."""
    return f"sha-256=:{b64encode(hashlib.sha256(data).digest()).decode()}:"


def changed(image: bytes, seed: int) -> bytes:
    """The image with one bit flipped somewhere."""
    numbers = random.Random(seed)
    broken = bytearray(image)
    broken[numbers.randrange(len(image))] ^= 1 << numbers.randrange(8)
    return bytes(broken)


def upload(device: Device, data: bytes, *lines: str, trailer: str = "") -> Answer:
    """PUT in chunks, with a trailer."""
    with device.open_upload(*lines, *(["Trailer: Content-Digest"] if trailer else [])) as wire:
        wire.send_chunk(data)
        wire.send(f"0\r\nContent-Digest: {trailer}\r\n\r\n" if trailer else "0\r\n\r\n")
        return wire.answer()


def check_refused(device: Device, answer: Answer, image: bytes) -> None:
    """The session failed before the commit, no word helps it, and a reset makes room for the next."""
    problem = answer.problem(422, "digest-mismatch")
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", problem["detail"]))) == 2, problem["detail"]
    assert problem["recovery"] == ["reset"]
    assert device.session["phase"] == "failed"
    for members in ({"image": {"bytes": len(image)}}, {"accept_unverified": True}):
        device.put("RUNNING", **members).problem(409, "image-incomplete")
    assert device.state == "RESUMING"
    device.reset().ok()
    device.go("RESUMING")
    device.upload(image).ok()
    device.go("RUNNING", image={"bytes": len(image)})


# Each way to say a digest

@pytest.mark.parametrize("seed", SEEDS)
def test_digest_before_the_body(device: Device, image: bytes, seed: int) -> None:
    """Content-Digest in the header."""
    answer = device.upload(changed(image, seed), **{"Content-Digest": field(image)})
    check_refused(device, answer, image)


@pytest.mark.parametrize("seed", SEEDS)
def test_digest_behind_the_body(device: Device, image: bytes, seed: int) -> None:
    """Content-Digest in the trailer."""
    check_refused(device, upload(device, changed(image, seed), trailer=field(image)), image)


@pytest.mark.parametrize("seed", SEEDS)
def test_digest_of_the_image(device: Device, image: bytes, seed: int) -> None:
    """Repr-Digest speaks of the whole, also where the bytes come in parts."""
    broken = changed(image, seed)
    assert append(device, 0, broken[:1000], Repr_Digest=field(image)).status == 204
    answer = append(device, 1000, broken[1000:], "?1", Repr_Digest=field(image))
    check_refused(device, answer, image)


@pytest.mark.parametrize("seed", SEEDS)
def test_digest_at_the_commit(device: Device, image: bytes, seed: int) -> None:
    """image.sha256 is the source's word; nothing reaches the device."""
    device.upload(changed(image, seed)).ok()
    proof = {"bytes": len(image), "sha256": hashlib.sha256(image).hexdigest()}
    problem = device.put("RUNNING", image=proof).problem(409, "image-incomplete")
    assert "sha" in problem["detail"].lower()
    assert device.state == "RESUMING"


def test_segment(device: Device, image: bytes) -> None:
    """The digest of a part is that of its own bytes, and a wrong one voids what it wrote."""
    assert append(device, 0, image[:1000], Content_Digest=field(image[:1000])).status == 204
    broken = changed(image[1000:], 1)
    answer = append(device, 1000, broken, "?1", Content_Digest=field(image[1000:]))
    check_refused(device, answer, image)


def test_nothing_written_nothing_failed(device: Device, image: bytes) -> None:
    """An empty part with the digest of something else harms nobody."""
    append(device, 0, b"", Content_Digest=field(b"x")).problem(422, "digest-mismatch")
    assert device.session["phase"] == "active"
    device.upload(image).ok()
    device.go("RUNNING", image={"bytes": len(image)})


@pytest.mark.parametrize("say", ["header", "trailer", "both"])
def test_right_digest(source: Device, device: Device, image: bytes, say: str) -> None:
    """It is taken; the session has the digest of the image."""
    lines = [f"Content-Digest: {field(image)}"] if say != "trailer" else []
    session = upload(device, image, *lines, trailer=field(image) if say != "header" else "").ok()
    assert session["sha256"] == hashlib.sha256(image).hexdigest() == source.session["sha256"]
    proof = {"bytes": len(image), "sha256": source.session["sha256"]}
    device.go("STOP", image=proof)
    assert device.checksum == source.checksum


@pytest.mark.parametrize("proof", ["Upload-Length", "Repr-Digest"])
def test_declaration_is_proof(source: Device, device: Device, image: bytes, proof: str) -> None:
    """What the upload said of the whole image stands for the source's word at the commit."""
    value = str(len(image)) if proof == "Upload-Length" else field(image)
    upload(device, image, f"{proof}: {value}").ok()
    device.go("STOP")
    assert device.checksum == source.checksum


def test_contradiction(device: Device, image: bytes) -> None:
    """Two parts that speak of different images do not belong to one."""
    assert append(device, 0, image[:10], Repr_Digest=field(image)).status == 204
    answer = append(device, 10, image[10:], Repr_Digest=field(b"another"))
    answer.problem(400, "invalid-request")
    assert standing(device) == 10


@pytest.mark.parametrize("header", ["Content-Digest", "Repr-Digest"])
@pytest.mark.parametrize("value", [
    "sha-256=abc", "sha-256=::", "sha-256=:AAAA:", "sha-256=:????:", "sha-256=:",
])
def test_malformed(device: Device, image: bytes, header: str, value: str) -> None:
    """400 before a byte is written."""
    answer = device.upload(image, **{header: value})
    assert answer.problem(400, "invalid-request")["parameter"] == header
    assert standing(device) == 0


def test_other_algorithms(device: Device, image: bytes) -> None:
    """What the agent does not know it passes over, as RFC 9530 wants it."""
    value = f"md5=:AAAA:, unixsum=7, {field(image)}"
    device.upload(image, **{"Content-Digest": value}).ok()
    device.reset().ok()
    device.go("RESUMING")
    answer = device.upload(changed(image, 1), **{"Content-Digest": value})
    answer.problem(422, "digest-mismatch")


def test_without_digest(source: Device, device: Device, image: bytes) -> None:
    """A stream may do without; then none is known, and a commit that asks for it is refused."""
    with Wire(device.client.address) as wire:
        wire.ask("PUT", f"{device.path}/data?digest=none", f"Content-Length: {len(image)}")
        assert "sha256" not in wire.send(image).answer().ok()
    proof = {"bytes": len(image), "sha256": hashlib.sha256(image).hexdigest()}
    device.put("STOP", image=proof).problem(409, "image-incomplete")
    device.go("STOP", image={"bytes": len(image)})
    assert device.checksum == source.checksum


# On their way

@pytest.mark.parametrize("seed", SEEDS)
def test_changed_on_the_way_out(agent: Agent, source: Device, device: Device, seed: int) -> None:
    """What the client received is not what the trailer says."""
    place = random.Random(seed).randrange(1000, 256 * KIB)
    with Proxy(agent.address, lambda: Plan(flip_at=place)) as proxy, Wire(proxy.address) as wire:
        answer = wire.ask("GET", f"{source.path}/data").answer()
    assert answer.trailers["content-digest"] != field(answer.body)
    # A client that did not look: the commit finds it.
    device.upload(answer.body).ok()
    session = source.session
    proof = {"bytes": session["offset"], "sha256": session["sha256"]}
    device.put("RUNNING", image=proof).problem(409, "image-incomplete")


@pytest.mark.parametrize("seed", SEEDS)
def test_changed_on_the_way_in(agent: Agent, device: Device, image: bytes, seed: int) -> None:
    """A byte that changes between client and agent."""
    place = random.Random(seed).randrange(1000, 256 * KIB)
    plan = Plan(flip_at=place)
    with Proxy(agent.address, lambda: plan, watches_upload=True) as proxy, \
            Wire(proxy.address) as wire:
        wire.ask("PUT", f"{device.path}/data", f"Content-Length: {len(image)}",
                 f"Repr-Digest: {field(image)}", body=image)
        answer = wire.answer()
    check_refused(device, answer, image)


def test_curl(source: Device, device: Device, image: bytes) -> None:
    """The digest of the source's session is what curl has to pass on."""
    url = f"http://{device.client.address}{device.path}"
    device.upload(image).ok()
    session = curl_json(f"http://{source.client.address}{source.path}/session")
    body = f'{{"state": "STOP", "image": {{"bytes": {session["offset"]}, ' \
           f'"sha256": "{session["sha256"]}"}}}}'
    assert curl_json("-X", "PUT", f"{url}/state", "--json", body)["state"] == "STOP"
    assert device.checksum == source.checksum
