"""The phases of a handover, and how a test catches one exactly in each of them."""

from typing import Any

from agent import KIB, MIB, eventually
from gate import UPLOAD, Trap
from hosts import LOADING_ARCS, PLAN, Pair

COPYING, QUIESCING, DRAINING, PREPARING = "copying", "quiescing", "draining", "preparing"
PREPARED, COMMITTED, RUNNING, LETTING_GO = "prepared", "committed", "running", "letting-go"
PHASES = [COPYING, QUIESCING, DRAINING, PREPARING, PREPARED, COMMITTED, RUNNING, LETTING_GO]
# Before the decision everything can be taken back, and from then on nothing.
UNDECIDED = PHASES[:5]
DECIDED = PHASES[5:]
# RUNNING to PRE_COPY, PRE_COPY_P2P, STOP_COPY, and then this one.
ARC_THAT_LETS_GO = LOADING_ARCS + 4
STALL_MS = 1500


def plan_for(phase: str) -> dict[str, Any]:
    """What the source's device needs for it."""
    if phase != LETTING_GO:
        return {}
    stall = {"on": "arc", "nth": ARC_THAT_LETS_GO, "action": "stall", "stall_ms": STALL_MS}
    return {"faults": [stall]}


def members_for(phase: str) -> dict[str, Any]:
    """What the agent's own migration needs for it."""
    return {"barriers": ["before-stop"]} if phase == QUIESCING else {}


def trap_for(phase: str, pair: Pair, is_by_client: bool) -> Trap | None:
    """What holds it there; None where something else does."""
    gate = pair.b.gate
    match phase:
        case "copying" if is_by_client:
            return pair.a.gate.hold("/precopy-info")
        case "copying":
            return gate.hold(UPLOAD, after_bytes=MIB)
        case "quiescing" if is_by_client:
            return pair.a.gate.hold('"STOP_COPY"')
        case "draining":
            return gate.hold(UPLOAD, after_bytes=PLAN["initial_bytes"] + 256 * KIB)
        case "preparing":
            return gate.hold("/prepare HTTP")
        case "prepared":
            return gate.hold("/prepare HTTP", holds_answer=True)
        case "committed":
            return gate.hold("/run HTTP")
        case "running":
            return gate.hold("/run HTTP", holds_answer=True)
        case _:
            return None


def await_phase(phase: str, pair: Pair, migration: str, trap: Trap | None) -> None:
    """Until it is there."""
    if trap:
        eventually(trap.reached.is_set, f"{phase} is reached: {pair.a.migration(migration)}")
    elif phase == QUIESCING:
        def is_at_barrier() -> bool:
            return any("reached_at" in place for place in pair.a.migration(migration)["barriers"])

        eventually(is_at_barrier, "the barrier is reached")
    else:
        pair.a.wait_for(migration, "letting-go")


def release(phase: str, pair: Pair, migration: str) -> None:
    """What no trap holds may go on; nobody minds if it has ended in the meantime."""
    if phase == QUIESCING:
        pair.a.act(migration, "barriers/before-stop")
