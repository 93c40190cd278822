"""A proxy in front of an agent, where a test holds, repeats, spoils or loses what passes.

Its address stays the same while the agent behind it dies and comes back elsewhere. Every connection has
a thread; what comes from the client is watched for traps.
"""

import re
import selectors
import socket
import struct
import threading
from dataclasses import dataclass, field

from agent import PATIENCE
from wire import connect

PIECE = 1 << 16
UPLOAD = r"(PUT|PATCH) /v1/devices/[^/ ]+/data"
LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)\r\n", re.I)


@dataclass
class Trap:
    """What happens to the first request of a kind.

    It is held until it is released: before it is passed on, after so many bytes of it, or when the answer
    is there (`holds_answer`).
    """

    # What the request begins with, or has somewhere in its text.
    pattern: str
    after_bytes: int = 0
    holds_answer: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    is_sprung: bool = False

    def hold(self) -> None:
        """Waits until somebody releases it."""
        self.reached.set()
        self.released.wait(PATIENCE)


class Passage:
    """One connection through a gate."""

    def __init__(self, gate: "Gate", client: socket.socket, agent: socket.socket) -> None:
        self.gate = gate
        self.client = client
        self.agent = agent
        self.trap: Trap | None = None
        # The bytes of the present request that have passed.
        self.passed = 0
        self.is_upload = False

    def run(self) -> None:
        """Passes everything on until one side ends."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.client, selectors.EVENT_READ)
            selector.register(self.agent, selectors.EVENT_READ)
            try:
                while True:
                    for key, _ in selector.select():
                        if not self.pass_on(key.fileobj):
                            return
            except OSError:
                return

    def pass_on(self, source: object) -> bool:
        """Passes one piece on; whether there was one."""
        is_request = source is self.client
        data = (self.client if is_request else self.agent).recv(PIECE)
        if not data:
            return False
        if is_request:
            data = self.watched(data)
        elif self.trap and self.trap.holds_answer:
            self.trap.hold()
            self.trap = None
        if not self.gate.is_black:
            (self.agent if is_request else self.client).sendall(data)
        return True

    def watched(self, data: bytes) -> bytes:
        """A piece of a request, held, repeated or spoilt where that is wanted."""
        if begins := re.match(r"[A-Z]+ /\S* HTTP/1\.1\r\n", data[:512].decode("latin-1")):
            self.passed = 0
            self.is_upload = bool(re.match(UPLOAD, begins.group()))
        self.gate.spring(self, data)
        trap = self.trap
        self.passed += len(data)
        if trap and not trap.holds_answer and self.passed > trap.after_bytes:
            trap.hold()
            self.trap = None
        if self.is_upload:
            data = self.gate.spoilt(data, self.passed - len(data))
        elif self.gate.repeats and re.search(self.gate.repeats.encode(), data):
            data = self.gate.repeated(self.whole(data))
        return data

    def whole(self, data: bytes) -> bytes:
        """A whole request, of which this is the beginning."""
        length = LENGTH.search(data)
        size = data.index(b"\r\n\r\n") + 4 + (int(length.group(1)) if length else 0)
        while len(data) < size:
            data += self.client.recv(PIECE)
        return data

    def end(self) -> None:
        """Ends both sides, by RST, as when a network goes; the thread then closes them."""
        for side in (self.client, self.agent):
            try:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Gate:
    """Listens on loopback for one agent."""

    def __init__(self) -> None:
        # Where the agent is; empty while it is not there.
        self.address = ""
        self.is_cut = False
        self.is_black = False
        self.repeats = ""
        # The byte of an upload that is to be changed, its header counted; once.
        self.flips_at: int | None = None
        self.traps: list[Trap] = []
        self.lock = threading.Lock()
        self.passages: set[Passage] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    # What a test wants

    def hold(self, pattern: str, after_bytes: int = 0, holds_answer: bool = False) -> Trap:
        """Holds the next request that has this in its text."""
        trap = Trap(pattern, after_bytes, holds_answer)
        self.traps.append(trap)
        return trap

    def cut(self) -> None:
        """Ends every connection and lets no new one in."""
        self.is_cut = True
        self.end_passages()

    def swallow(self) -> None:
        """Takes everything in and passes nothing on."""
        self.is_black = True

    def mend(self) -> None:
        """Lets everything pass again; what was swallowed stays lost."""
        if self.is_black:
            self.end_passages()
        self.is_cut = self.is_black = False

    def end_passages(self) -> None:
        """Ends every connection."""
        with self.lock:
            passages = list(self.passages)
        for passage in passages:
            passage.end()

    def close(self) -> None:
        """Ends it."""
        self.is_cut = True
        for trap in self.traps:
            trap.released.set()
        # Wakes accept(), which a close alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.end_passages()
        self.thread.join()

    # What passages ask

    def spring(self, passage: Passage, data: bytes) -> None:
        """Whether a piece of a request springs a trap."""
        with self.lock:
            for trap in self.traps:
                if not trap.is_sprung and re.search(trap.pattern.encode(), data):
                    trap.is_sprung = True
                    passage.trap = trap

    def spoilt(self, data: bytes, start: int) -> bytes:
        """A piece of an upload with one bit of it changed, where its turn is."""
        with self.lock:
            place = self.flips_at
            if place is None or not start <= place < start + len(data):
                return data
            self.flips_at = None
        changed = bytearray(data)
        changed[place - start] ^= 1
        return bytes(changed)

    def repeated(self, request: bytes) -> bytes:
        """Sends a request on a connection of its own as well, whose answer nobody reads."""
        with connect(self.address) as other:
            other.sendall(request)
            other.recv(PIECE)
        return request

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            if self.is_cut or not self.address:
                return
            try:
                agent = connect(self.address)
            except OSError:
                return
            with agent:
                passage = Passage(self, client, agent)
                with self.lock:
                    self.passages.add(passage)
                passage.run()
                with self.lock:
                    self.passages.discard(passage)
