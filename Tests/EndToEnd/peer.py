"""The other guest of a pair: an agent that the network reaches, and a hand for what a test does there.

The kernel lab runs this file in its second guest; tests in the first one hold a `Peer`.
"""

import contextlib
import os
import sys
import tempfile
import time
import xmlrpc.client
import xmlrpc.server
from collections.abc import Iterator
from pathlib import Path

import mtty
import mtty_big
from agent import Agent, eventually
from clients import Client
from relay import Difference
from witness import Step, Witness, read_log

ADDRESS = os.environ.get("FERRY_LAB_ADDRESS", "")
PEER = os.environ.get("FERRY_LAB_PEER", "")
AGENT_PORT, HAND_PORT = 8440, 8441
ROUNDS = 20
CARD_FLAGS = Path("/sys/class/net/eth0/flags")
# Source: linux/if.h.
IFF_UP = 1


class Hand:
    """What a test may do here. Numbers travel as text: XML-RPC's own have 32 bits."""

    def __init__(self, folder: Path) -> None:
        self.agent = Agent(folder, "--insecure", listen=f"{ADDRESS}:{AGENT_PORT}").started()
        self.folder = folder
        self.witness: Witness | None = None
        self.has_ended = False

    def change(self, name: str, value: str) -> str:
        """Sets a parameter of mtty_big."""
        mtty_big.change(**{name: int(value)})
        return ""

    def content(self, number: str) -> list[str]:
        """What a device holds: its length, its writes, its checksum."""
        content = mtty_big.content(mtty.MDEVS[int(number)])
        return [str(content.length), str(content.writes), content.checksum]

    def watch(self, number: str) -> str:
        """Puts a witness, with a log of its own, to a device that the agent has attached."""
        assert not self.witness
        log = Path(tempfile.mkdtemp(dir=self.folder), "witness")
        self.witness = Witness(self.agent.process.pid, int(number), log)
        return ""

    def go(self, last: str) -> str:
        """Lets the witness count on."""
        assert self.witness
        self.witness.go(int(last))
        return ""

    def finish(self) -> str:
        """Stops the witness once it has counted for a while; its log."""
        assert self.witness
        self.witness.count_on()
        self.witness.stop()
        return self.witness.log.read_text()

    def unwatch(self) -> str:
        """Ends the witness, if there is one."""
        if self.witness:
            self.witness.end()
        self.witness = None
        return ""

    def clock(self) -> str:
        """This machine's CLOCK_BOOTTIME in nanoseconds."""
        return str(time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    def end(self) -> str:
        """Ends the agent, which has to end well, and then this process."""
        self.has_ended = True
        self.unwatch()
        return str(self.agent.end())


class Peer:
    """The other guest, as a test has it."""

    def __init__(self) -> None:
        self.hand = xmlrpc.client.ServerProxy(f"http://{PEER}:{HAND_PORT}")
        self.agent = Client(f"{PEER}:{AGENT_PORT}")
        eventually(self._is_there, "the other guest is up")

    def change(self, **parameters: int) -> None:
        """Sets parameters of its mtty_big."""
        for name, value in parameters.items():
            self.hand.change(name, str(value))

    def content(self, number: int) -> tuple[int, int, str]:
        """What a device there holds: length, writes, checksum."""
        length, writes, checksum = self.hand.content(str(number))  # type: ignore[misc]
        return int(length), int(writes), checksum

    @contextlib.contextmanager
    def watching(self, number: int) -> Iterator["Peer"]:
        """Itself, with a witness at a device there."""
        self.hand.watch(str(number))
        try:
            yield self
        finally:
            self.hand.unwatch()

    def go(self, last: int) -> None:
        """Lets the witness there count on from the value that has to be there."""
        self.hand.go(str(last))

    def finish(self) -> list[Step]:
        """Stops the witness there once it has counted for a while; its steps, by the clock there."""
        return read_log(str(self.hand.finish()))

    def clock_difference(self) -> Difference:
        """Its clock is read between two looks at ours, again and again: what fits all of them."""
        least, most = [], []
        for _ in range(ROUNDS):
            before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            there = int(str(self.hand.clock()))
            after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            least.append(there - after)
            most.append(there - before)
        return max(least), min(most)

    def end(self) -> int:
        """Ends the agent there and everything else; the agent's exit status."""
        return int(str(self.hand.end()))

    def _is_there(self) -> bool:
        try:
            return bool(self.hand.clock())
        except OSError:
            return False


@contextlib.contextmanager
def cut_off() -> Iterator[None]:
    """Nothing gets to the other guest, and nothing comes from there: this one's card is down."""
    before = int(CARD_FLAGS.read_text(), 16)
    CARD_FLAGS.write_text(hex(before & ~IFF_UP))
    try:
        yield
    finally:
        CARD_FLAGS.write_text(hex(before))


def main() -> int:
    """Serves one test run."""
    with (
        tempfile.TemporaryDirectory() as folder,
        xmlrpc.server.SimpleXMLRPCServer((ADDRESS, HAND_PORT), logRequests=False) as server,
    ):
        hand = Hand(Path(folder, "agent"))
        server.register_instance(hand)
        try:
            while not hand.has_ended:
                server.handle_request()
        finally:
            print(hand.agent.log)
            hand.agent.discard()
    return 0


if __name__ == "__main__":
    sys.exit(main())
