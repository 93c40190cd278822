"""One case of the fault matrix: a handover that is caught in a phase, a fault, and how it ends."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from agent import PATIENCE
from ends import ABORTED, COMPLETED, End, judge, settle
from hosts import Pair
from phases import (
    DECIDED, PREPARED, UNDECIDED, await_phase, members_for, plan_for, release, trap_for,
)

AGENT, PARTY = "agent", "second party"
MIGRATION = "m1"
# A connection is lost for so long.
OUTAGE_SECONDS = 0.7
PARTY_SCRIPT = Path(__file__).with_name("second_party.py")


class SecondParty:
    """A process of the second party, and the file that outlives it."""

    def __init__(self, pair: Pair, folder: Path, *arguments: str) -> None:
        self.journal = folder / "order"
        self.log = folder / "party.log"
        self.command = [
            sys.executable, str(PARTY_SCRIPT), str(self.journal), "--id", MIGRATION,
            "--source", pair.a.gate.url, "--destination", pair.b.gate.url,
            "--source-after", "stop", *[f"--device={a}={b}" for a, b in pair.names],
        ]
        self.begin(*arguments)

    def begin(self, *arguments: str) -> None:
        """Starts it, again with what it remembers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"})

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    @property
    def is_running(self) -> bool:
        """It has not ended yet."""
        return self.process.poll() is None


@dataclass(frozen=True)
class Case:
    """A fault in a phase of a handover that somebody does."""

    driver: str
    phase: str
    fault: str

    def __str__(self) -> str:
        return f"{self.driver}-{self.phase}-{self.fault}".replace(" ", "-")

    @property
    def ends(self) -> set[str]:
        """What it may end as."""
        if self.fault in ("none", "stray"):
            return {COMPLETED}
        if self.phase in DECIDED:
            # What was prepared is gone before it ran: the source, which has it still, takes back.
            return {ABORTED} if self.fault == "reset-destination" else {COMPLETED}
        if self.fault in ("kill-source", "kill-party"):
            return {ABORTED}
        if self.fault == "reset-destination" and self.phase == PREPARED:
            return {ABORTED}
        return {COMPLETED, ABORTED}


Runs = dict[Case, Future[End]]


def cases(driver: str) -> list[Case]:
    """The matrix of one driver."""
    faults = ["none", "kill-source", "kill-destination", "kill-both", "cut", "black-hole", "stray",
              "reset-source", "reset-destination"]
    if driver == PARTY:
        faults.append("kill-party")
    return [
        Case(driver, phase, fault)
        for phase in UNDECIDED + DECIDED for fault in faults
        # What runs at the destination is the guest's own to reset.
        if not (fault == "reset-destination" and phase in DECIDED[1:])
    ]


def play(case: Case, folder: Path) -> End:
    """Plays a case from its beginning to its end."""
    pair = Pair(folder)
    party: SecondParty | None = None
    try:
        pair.attach(a=plan_for(case.phase))
        images = pair.images
        is_by_client = case.driver == PARTY
        trap = trap_for(case.phase, pair, is_by_client)
        if is_by_client:
            party = SecondParty(pair, folder)
        else:
            pair.migrate(MIGRATION, **members_for(case.phase))
        await_phase(case.phase, pair, MIGRATION, trap)
        mend = FAULTS[case.fault](case, pair, party, images)
        if trap:
            trap.released.set()
        mend()
        if not trap:
            release(case.phase, pair, MIGRATION)
        settle(pair, MIGRATION, lambda: bool(party and party.is_running))
        end = judge(pair, MIGRATION, images)
        if party and end.kind in (COMPLETED, ABORTED):
            expected = {COMPLETED: 0, ABORTED: 1}[end.kind]
            if party.process.wait(PATIENCE) != expected:
                end.faults.append(f"the party ended with {party.process.returncode}")
        if end.faults or end.kind not in case.ends:
            end.seen["logs"] = logs(pair, party)
        return end
    except Exception as error:
        raise AssertionError(f"{case}: {error}\n{logs(pair, party)}") from error
    finally:
        if party:
            party.kill()
        pair.end()


def logs(pair: Pair, party: SecondParty | None) -> str:
    """What everybody had to say."""
    lines = [f"--- a\n{pair.a.log[-6000:]}", f"--- b\n{pair.b.log[-6000:]}"]
    if party:
        lines.append(f"--- party\n{party.log.read_text()}")
    return "\n".join(lines)


# Faults: each strikes, and answers what mends it after the handover was let go on.

# The agent lets nobody else reset a claimed device, and a guest does not ask it.
AS_THE_GUEST = {"Migration-Id": MIGRATION, "If-Match": "*"}
Mend = Callable[[], None]
Images = dict[str, set[str]]


def none(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """Nothing happens."""
    return lambda: None


def kill_source(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """The source's agent dies and comes back."""
    pair.a.kill()
    return pair.a.restart


def kill_destination(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """The destination's agent dies and comes back."""
    pair.b.kill()
    return pair.b.restart


def kill_both(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """Both die; the destination comes back first."""
    pair.a.kill()
    pair.b.kill()

    def mend() -> None:
        pair.b.restart()
        pair.a.restart()

    return mend


def kill_party(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """The second party dies and is started again with its journal."""
    assert party
    party.kill()
    return party.begin


def cut(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """The destination cannot be reached for a while."""
    pair.b.gate.cut()

    def mend() -> None:
        time.sleep(OUTAGE_SECONDS)
        pair.b.gate.mend()

    return mend


def black_hole(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """For a while, nothing that is sent to the destination or by it arrives."""
    pair.b.gate.swallow()

    def mend() -> None:
        time.sleep(OUTAGE_SECONDS)
        pair.b.gate.mend()

    return mend


def reset_source(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """The guest resets its device: what it is then is what it wants to be."""
    for a, _ in pair.names:
        device = pair.a.device(a)
        answer = device.reset(**AS_THE_GUEST)
        # It may be too late: the device is being stopped for good.
        if answer.status != 200:
            answer.problem(409, "transition-in-progress")
        elif case.phase in UNDECIDED:
            images[a].add(pair.a.blank[a])
    return lambda: None


def reset_destination(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """Somebody resets the device that takes the image."""
    for _, b in pair.names:
        pair.b.device(b).reset(**AS_THE_GUEST).ok()
    return lambda: None


def stray(case: Case, pair: Pair, party: SecondParty | None, images: Images) -> Mend:
    """Somebody else wants the same devices."""
    a, b = pair.names[0]
    state = pair.a.device(a).state
    for goal in ("RUNNING", "STOP"):
        pair.a.device(a).put(goal).problem(409, "device-claimed")
    pair.a.device(a).reset().problem(409, "device-claimed")
    pair.a.device(a).detach(force=True).problem(409, "device-claimed")
    pair.a.post(pair.request("m2")).problem(409, "device-claimed")
    assert pair.a.device(a).state == state
    if "claimed_by" in pair.b.device(b).resource:
        pair.b.device(b).put("RUNNING").problem(409, "device-claimed")
        pair.b.device(b).upload(b"x").problem(409, "device-claimed")
    return lambda: None


FAULTS: dict[str, Callable[[Case, Pair, SecondParty | None, Images], Mend]] = {
    "none": none, "kill-source": kill_source, "kill-destination": kill_destination,
    "kill-both": kill_both, "kill-party": kill_party, "cut": cut, "black-hole": black_hole,
    "reset-source": reset_source, "reset-destination": reset_destination, "stray": stray,
}
