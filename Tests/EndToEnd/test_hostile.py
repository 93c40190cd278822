"""Requests that can be read in two ways: none of them makes the agent do what nobody asked for.

Every case carries a second request, which deletes a device, where a careless server would find it.
"""

import threading
import time
from collections.abc import Iterator

import pytest
from agent import KIB, PATIENCE, Agent
from answers import Answer
from clients import Client
from conftest import Attach
from devices import Device
from wire import Cut, Wire

GET = "GET /v1 HTTP/1.1\r\n"
HOST = "Host: ferry.test\r\n"
# N is the length of the request that is smuggled.
AMBIGUOUS = {
    "two lengths": "Content-Length: 0\r\nContent-Length: N\r\n\r\n",
    "two lengths, turned": "Content-Length: N\r\nContent-Length: 0\r\n\r\n",
    "the same length twice": "Content-Length: 0\r\ncontent-length: 0\r\n\r\n",
    "length and encoding": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "encoding and length": "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "length 0 and encoding": "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip": "Transfer-Encoding: gzip\r\n\r\n",
    "identity": "Transfer-Encoding: identity\r\n\r\n",
    "gzip and chunked": "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked and gzip": "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and identity": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
    "empty encoding": "Transfer-Encoding:\r\n\r\n",
    "quoted": 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "vertical tab": "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "xchunked": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": "Content-Length : N\r\n\r\n",
    "tab before the colon": "Content-Length\t: N\r\n\r\n",
    "space after the name": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "folded encoding": "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "folded length": "Content-Length:\r\n N\r\n\r\n",
    "length in a folded line": "X-A: a\r\n Content-Length: N\r\n\r\n",
    "almost a length": "Content-Length-X: N\r\n\r\n",
    "almost an encoding": "Transfer-Encodings: chunked\r\n\r\n",
    "space in a name": "X A: a\r\n\r\n",
    "byte beyond ASCII in a name": "X-\xe4: a\r\n\r\n",
    "quote in a name": 'X"A: a\r\n\r\n',
    "second host": "Host: other.test\r\n\r\n",
    "the same host twice": HOST + "\r\n",
}
# What the library refuses by itself, with a page of its own.
MALFORMED = {
    "list of lengths": "Content-Length: N, N\r\n\r\n",
    "plus": "Content-Length: +N\r\n\r\n",
    "minus": "Content-Length: -1\r\n\r\n",
    "hexadecimal": "Content-Length: 0x10\r\n\r\n",
    "words": "Content-Length: abc\r\n\r\n",
    "nothing": "Content-Length:\r\n\r\n",
    "two numbers": "Content-Length: 0 0\r\n\r\n",
    "beyond 64 bits": "Content-Length: 18446744073709551616\r\n\r\n",
    "beyond everything": f"Content-Length: {'9' * 60}\r\n\r\n",
    "no colon": "garbage\r\n\r\n",
    "NUL in a name": "X\x00A: a\r\n\r\n",
    "NUL behind the length's name": "Content-Length\x00X: N\r\n\r\n",
    "folded name": "Transfer-Encoding\r\n : chunked\r\n\r\n",
}
CHUNKS = {
    "size beyond 64 bits": "FFFFFFFFFFFFFFFFF\r\nBODY",
    "size that wraps around": "10000000000000010\r\nBODY\r\n0\r\n\r\n",
    "largest size": "FFFFFFFFFFFFFFFF\r\nBODY",
    "negative size": "-10\r\nBODY\r\n0\r\n\r\n",
    "0x": "0x10\r\nBODY\r\n0\r\n\r\n",
    "plus": "+10\r\nBODY\r\n0\r\n\r\n",
    "space before": " 10\r\nBODY\r\n0\r\n\r\n",
    "no size": "\r\nBODY\r\n0\r\n\r\n",
    "no number": "xyz\r\nBODY\r\n0\r\n\r\n",
    "too much in a chunk": "5\r\nBODY\r\n0\r\n\r\n",
    "no end of a chunk": "10\r\nBODY0\r\n\r\n",
    "no last chunk": "10\r\nBODY\r\n",
    "endless extension": "10;" + "x" * (256 * KIB) + "\r\nBODY\r\n0\r\n\r\n",
    "trailer without a colon": "10\r\nBODY\r\n0\r\ngarbage\r\n\r\n",
    "endless trailer": "10\r\nBODY\r\n0\r\nX-A: " + "y" * (256 * KIB) + "\r\n\r\n",
}
# Odd, and yet each of them is one request with one meaning.
WHOLE = {
    "extension": "10;name=value\r\nBODY\r\n0;last\r\n\r\n",
    "quoted extension": '10;name="a;b"\r\nBODY\r\n0\r\n\r\n',
    "trailer": "10\r\nBODY\r\n0\r\nX-A: b\r\n\r\n",
    "trailer that looks like framing": "10\r\nBODY\r\n0\r\nContent-Length: 5\r\nHost: b\r\n\r\n",
    "many zeros": "0" * 20 + "10\r\nBODY\r\n0\r\n\r\n",
    "one byte at a time": "".join(f"1\r\n{byte}\r\n" for byte in '{"state":"STOP"}') + "0\r\n\r\n",
}


@pytest.fixture
def victim(attach: Attach) -> Device:
    """The device that a smuggled request would delete."""
    return attach()


@pytest.fixture(autouse=True)
def still_answers(client: Client) -> Iterator[None]:
    """After every test the next request on a new connection is answered."""
    yield
    assert client.get("/v1").ok()["version"]


def smuggled(victim: Device) -> str:
    """The request that nobody asked for."""
    return f"DELETE {victim.path} HTTP/1.1\r\n{HOST}\r\n"


def first_answer(client: Client, data: str, method: str = "GET") -> Answer | None:
    """What comes back first; then the connection is read until the agent closes it."""
    with Wire(client.address) as wire:
        try:
            wire.send(data)
            answer = wire.answer(method)
            wire.finish_sending()
        except (Cut, OSError):
            return None
        wire.rest()
        return answer


def test_what_the_others_must_not_do(client: Client, victim: Device) -> None:
    """A second request that is no smuggled one is executed: the other tests would see it."""
    answer = first_answer(client, GET + HOST + "\r\n" + smuggled(victim))
    assert answer and answer.status == 200
    assert client.get(victim.path).status == 404


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_ambiguous_framing(client: Client, victim: Device, case: str) -> None:
    """Refused as such, and the connection ends there."""
    second = smuggled(victim)
    answer = first_answer(
        client, GET + HOST + AMBIGUOUS[case].replace("N", str(len(second))) + second)
    assert answer
    answer.problem(400, "ambiguous-framing")
    assert answer["Connection"].lower() == "close"
    assert client.get(victim.path).status == 200


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_header(client: Client, victim: Device, case: str) -> None:
    """Refused by whom it may be, and nothing behind it is looked at."""
    second = smuggled(victim)
    answer = first_answer(
        client, GET + HOST + MALFORMED[case].replace("N", str(len(second))) + second)
    assert answer and 400 <= answer.status < 500
    assert answer["Connection"].lower() == "close"
    assert client.get(victim.path).status == 200


def test_no_host(client: Client, victim: Device) -> None:
    """HTTP/1.1 has exactly one."""
    answer = first_answer(client, GET + "\r\n" + smuggled(victim))
    assert answer
    answer.problem(400, "ambiguous-framing")
    assert client.get(victim.path).status == 200


def test_chunks_in_http_1_0(client: Client, victim: Device) -> None:
    """That version has none: whoever forwarded this has seen another request.

    Source: RFC 9112, section 6.1: the framing is faulty, and the connection has to close.
    """
    head = f"PUT {victim.path}/state HTTP/1.0\r\n{HOST}Connection: keep-alive\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = first_answer(client, head + "0\r\n\r\n" + smuggled(victim))
    assert answer and answer.status == 400
    assert client.get(victim.path).status == 200


def chunked(device: Device, body: str) -> str:
    """A PUT state with a chunked body, in which BODY stands for 16 bytes of JSON."""
    return (
        f"PUT {device.path}/state HTTP/1.1\r\n{HOST}Content-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n" + body.replace("BODY", '{"state":"STOP"}'))


@pytest.mark.parametrize("case", CHUNKS)
def test_broken_chunks(client: Client, attach: Attach, victim: Device, case: str) -> None:
    """Neither the request nor what stands behind it is executed."""
    device = attach()
    answer = first_answer(client, chunked(device, CHUNKS[case]) + smuggled(victim))
    assert answer is None or answer.status >= 400
    assert device.state == "RUNNING"
    assert client.get(victim.path).status == 200


@pytest.mark.parametrize("case", WHOLE)
def test_odd_chunks(client: Client, attach: Attach, case: str) -> None:
    """The body is what the chunks say, and the next request begins where it ends."""
    device, other = attach(), attach()
    with Wire(client.address) as wire:
        wire.send(chunked(device, WHOLE[case])).ask("GET", other.path)
        assert wire.answer().ok()["device"] == device.id
        assert wire.answer().ok()["id"] == other.id
    assert device.state == "STOP"


# Bodies that nobody wants

@pytest.mark.parametrize("expects", [False, True])
@pytest.mark.parametrize("padding", [0, 100 * KIB], ids=["small", "large"])
@pytest.mark.parametrize(("line", "status"), [
    ("GET /v1", 200), ("PUT /v1/devices/nobody/data", 404), ("PUT VICTIM/data", 409),
    ("PUT VICTIM/state", 415), ("PATCH VICTIM", 405), ("POST VICTIM/reset", 200),
])
def test_refused_body_is_not_executed(
    client: Client, victim: Device, expects: bool, padding: int, line: str, status: int
) -> None:
    """It is thrown away, or the connection closes: it never becomes the next request."""
    second = smuggled(victim) + " " * padding
    head = f"{line.replace('VICTIM', victim.path)} HTTP/1.1\r\n{HOST}"
    head += "Expect: 100-continue\r\n" if expects else ""
    with Wire(client.address) as wire:
        wire.send(f"{head}Content-Length: {len(second)}\r\n\r\n")
        try:
            wire.send(second)
        except OSError:
            assert padding, "the connection was closed before a small body was sent"
        answer = wire.answer()
        if answer.status == 100:
            answer = wire.answer()
        assert answer.status == status
        wire.finish_sending()
        assert b"204 No Content" not in wire.rest()
    assert client.get(victim.path).status == 200


# A client that never comes to the point

class Trickle:
    """A header that comes byte by byte, until the agent has had enough of it."""

    def __init__(self, address: str) -> None:
        self.cut_after: float | None = None
        self.thread = threading.Thread(target=self._run, args=(address,))
        self.thread.start()

    def _run(self, address: str) -> None:
        start = time.monotonic()
        # A request for bulk data: those may not take long over their header.
        with Wire(address) as wire:
            wire.send("GET /v1/devices/nobody/data HTTP/1.1\r\nX-A: ")
            while time.monotonic() < start + 2 * PATIENCE:
                wire.socket.settimeout(0.5)
                try:
                    wire.send("a")
                    if not wire.socket.recv(1):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            else:
                return
        self.cut_after = time.monotonic() - start


@pytest.fixture(scope="module", autouse=True)
def trickle(agent: Agent) -> Trickle:
    """It goes on while the other tests run."""
    return Trickle(agent.address)


def test_trickled_header_is_cut(trickle: Trickle) -> None:
    """Its bytes keep coming, and still it comes to an end."""
    trickle.thread.join(3 * PATIENCE)
    assert trickle.cut_after is not None, "it outlived every deadline"
