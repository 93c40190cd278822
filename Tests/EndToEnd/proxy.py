"""A proxy that breaks connections and bytes, where a test wants it to."""

import selectors
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass

from wire import connect

PIECE = 1 << 20


@dataclass
class Plan:
    """What happens to one connection; offsets count the bytes that come from the agent or client."""

    # Ends both sides after so many bytes of the direction that is watched.
    cut_after: int | None = None
    # Flips a bit of the byte at this place.
    flip_at: int | None = None
    # Ends by RST and not by FIN.
    by_reset: bool = False


class Proxy:
    """Listens on loopback and passes connections on to an agent, each by the next plan."""

    def __init__(self, address: str, plan: Callable[[], Plan], watches_upload: bool = False) -> None:
        self.agent = address
        self.plan = plan
        self.watches_upload = watches_upload
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_: object) -> None:
        # Wakes accept(), which a close alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            # One at a time: the clients of these tests have one connection each.
            self._serve(client, self.plan())

    def _serve(self, client: socket.socket, plan: Plan) -> None:
        agent = connect(self.agent)
        watched = client if self.watches_upload else agent
        passed = 0
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, agent)
            selector.register(agent, selectors.EVENT_READ, client)
            try:
                while True:
                    for key, _ in selector.select():
                        source, target = key.fileobj, key.data
                        data = source.recv(PIECE)  # type: ignore[union-attr]
                        if not data:
                            return
                        if source is watched:
                            data, is_last = self._broken(data, passed, plan)
                            passed += len(data)
                        else:
                            is_last = False
                        target.sendall(data)
                        if is_last:
                            self.cuts += 1
                            return
            except OSError:
                return
            finally:
                self._end(client, plan.by_reset)
                self._end(agent, plan.by_reset)

    @staticmethod
    def _broken(data: bytes, passed: int, plan: Plan) -> tuple[bytes, bool]:
        if plan.flip_at is not None and passed <= plan.flip_at < passed + len(data):
            changed = bytearray(data)
            changed[plan.flip_at - passed] ^= 1
            data = bytes(changed)
        if plan.cut_after is not None and passed + len(data) >= plan.cut_after:
            return data[:plan.cut_after - passed], True
        return data, False

    @staticmethod
    def _end(connection: socket.socket, by_reset: bool) -> None:
        if by_reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
