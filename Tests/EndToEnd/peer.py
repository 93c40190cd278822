"""The other guest of a pair: an agent that the network reaches, and a hand for what a test does there.

The kernel lab runs this file in its second guest; tests in the first one hold a `Peer`.
"""

import os
import sys
import tempfile
import time
import xmlrpc.client
import xmlrpc.server
from pathlib import Path

import mtty
import mtty_big
from agent import Agent, eventually
from clients import Client
from witness import Step, Witness, read_log

ADDRESS = os.environ.get("FERRY_LAB_ADDRESS", "")
PEER = os.environ.get("FERRY_LAB_PEER", "")
AGENT_PORT, HAND_PORT = 8440, 8441
ROUNDS = 20


class Hand:
    """What a test may do here. Numbers travel as text: XML-RPC's own have 32 bits."""

    def __init__(self, folder: Path) -> None:
        self.agent = Agent(folder, "--insecure", listen=f"{ADDRESS}:{AGENT_PORT}").started()
        self.log = folder / "witness"
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
        """Puts a witness to a device that the agent has attached."""
        self.witness = Witness(self.agent.process.pid, int(number), self.log)
        return ""

    def go(self, last: str) -> str:
        """Lets the witness count on."""
        assert self.witness
        self.witness.go(int(last))
        return ""

    def stop(self) -> str:
        """Stops the witness once it has counted for a while; its log."""
        assert self.witness
        self.witness.count_on()
        self.witness.stop()
        return self.log.read_text()

    def clock(self) -> str:
        """This machine's CLOCK_BOOTTIME in nanoseconds."""
        return str(time.clock_gettime_ns(time.CLOCK_BOOTTIME))

    def end(self) -> str:
        """Ends the agent, which has to end well, and then this process."""
        self.has_ended = True
        if self.witness:
            self.witness.end()
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

    def watch(self, number: int) -> None:
        """Puts a witness to a device there."""
        self.hand.watch(str(number))

    def go(self, last: int) -> None:
        """Lets the witness there count on from the value that has to be there."""
        self.hand.go(str(last))

    def stop(self) -> list[Step]:
        """Stops the witness once it has counted for a while; its steps, by the clock there."""
        return read_log(str(self.hand.stop()))

    def clock_difference(self) -> tuple[int, int]:
        """How far its clock is ahead of ours, and how far that may be off; in nanoseconds."""
        rounds = []
        for _ in range(ROUNDS):
            before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            there = int(str(self.hand.clock()))
            after = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            rounds.append((after - before, there - (before + after) // 2))
        took, difference = min(rounds)
        return difference, took // 2

    def end(self) -> int:
        """Ends the agent there and everything else; the agent's exit status."""
        return int(str(self.hand.end()))

    def _is_there(self) -> bool:
        try:
            return bool(self.hand.clock())
        except OSError:
            return False


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
