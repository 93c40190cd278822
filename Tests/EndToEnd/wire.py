"""HTTP on a bare socket: what a well-bred client neither sends nor sees."""

import json
import socket
import struct
from typing import Any

from agent import PATIENCE
from answers import Answer


class Cut(Exception):
    """The connection ended in the middle of something."""


def connect(address: str, receive_buffer: int | None = None) -> socket.socket:
    """A connection to `127.0.0.1:8440`, `[::1]:8440` or `unix:/path`."""
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        target: Any = address.removeprefix("unix:")
    else:
        host, port = address.rsplit(":", 1)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        connection = socket.socket(family)
        target = (host.strip("[]"), int(port))
    connection.settimeout(PATIENCE)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(target)
    return connection


class Wire:
    """One connection, byte by byte."""

    def __init__(self, address: str, receive_buffer: int | None = None) -> None:
        self.socket = connect(address, receive_buffer)
        self.unread = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sending

    def send(self, data: bytes | str) -> "Wire":
        """Sends it as it is."""
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def ask(
        self, method: str, target: str, *lines: str, body: bytes = b"", version: str = "1.1"
    ) -> "Wire":
        """Sends a request with a Host, these lines in its header, and this body as it is."""
        head = [f"{method} {target} HTTP/{version}", "Host: ferry.test", *lines, "", ""]
        return self.send("\r\n".join(head).encode("latin-1") + body)

    def ask_json(self, method: str, target: str, value: Any, *lines: str) -> "Wire":
        """Sends a request with a body of JSON."""
        body = json.dumps(value).encode()
        length = f"Content-Length: {len(body)}"
        return self.ask(method, target, "Content-Type: application/json", length, *lines, body=body)

    def send_chunk(self, data: bytes) -> "Wire":
        """Sends a chunk; an empty one ends the body."""
        return self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def finish_sending(self) -> None:
        """Closes the sending half."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes the connection."""
        self.socket.close()

    def reset(self) -> None:
        """Closes the connection with RST, as a crashing host does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Receiving

    def _more(self) -> None:
        try:
            piece = self.socket.recv(1 << 18)
        except ConnectionError as error:
            raise Cut(str(error)) from error
        if not piece:
            raise Cut("the connection was closed")
        self.unread += piece

    def _line(self) -> bytes:
        while b"\r\n" not in self.unread:
            self._more()
        line, self.unread = self.unread.split(b"\r\n", 1)
        return line

    def take(self, count: int) -> bytes:
        """So many bytes."""
        while len(self.unread) < count:
            self._more()
        data, self.unread = self.unread[:count], self.unread[count:]
        return data

    def head(self) -> Answer:
        """The status line and the header, and nothing behind them; 1xx counts as well."""
        version, status, _ = (self._line().decode("latin-1") + " ").split(" ", 2)
        return Answer(int(status), self._fields(), version=version)

    def _fields(self) -> list[tuple[str, str]]:
        fields = []
        while line := self._line():
            name, value = line.decode("latin-1").split(":", 1)
            fields.append((name.lower(), value.strip()))
        return fields

    def answer(self, method: str = "GET") -> Answer:
        """A whole response to a request with this method."""
        answer = self.head()
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if "Transfer-Encoding" in answer:
            answer.body = self.chunks(answer)
        elif "Content-Length" in answer:
            answer.body = self.take(int(answer["Content-Length"]))
        else:
            answer.body = self.rest()
        return answer

    def some(self, most: int) -> bytes:
        """What there is, at least one byte and not more than so many."""
        if not self.unread:
            self._more()
        data, self.unread = self.unread[:most], self.unread[most:]
        return data

    def chunk_size(self) -> int:
        """The line before a chunk; 0 for the last one."""
        return int(self._line().split(b";")[0], 16)

    def trailer(self) -> dict[str, str]:
        """What follows the last chunk."""
        return dict(self._fields())

    def chunk(self, answer: Answer | None = None) -> bytes:
        """The next chunk; the last one is empty, and brings the answer's trailer with it."""
        size = self.chunk_size()
        if size == 0:
            trailers = self.trailer()
            if answer:
                answer.trailers = trailers
            return b""
        data = self.take(size)
        assert self._line() == b"", "a chunk is longer than it says"
        return data

    def chunks(self, answer: Answer | None = None) -> bytes:
        """All chunks up to the last one."""
        pieces = []
        while piece := self.chunk(answer):
            pieces.append(piece)
        return b"".join(pieces)

    def rest(self) -> bytes:
        """Whatever comes until the connection ends."""
        try:
            while True:
                self._more()
        except Cut:
            data, self.unread = self.unread, b""
            return data
