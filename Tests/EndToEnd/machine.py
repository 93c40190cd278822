"""The state machine as the patch of 2022 words it: arcs, features and rules, no table.

Source: "[PATCH v7 07/10] vfio: Extend the device migration protocol with PRE_COPY".
"""

from collections.abc import Iterable

STATES = [
    "ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P",
]
SAVING_GROUP = {"PRE_COPY", "PRE_COPY_P2P", "STOP_COPY"}
NEEDS = {
    "STOP": {"STOP_COPY"}, "RUNNING": {"STOP_COPY"}, "STOP_COPY": {"STOP_COPY"},
    "RESUMING": {"STOP_COPY"}, "RUNNING_P2P": {"STOP_COPY", "P2P"},
    "PRE_COPY": {"STOP_COPY", "PRE_COPY"}, "PRE_COPY_P2P": {"STOP_COPY", "P2P", "PRE_COPY"},
}
# "The coding in this table requires the driver to implement FSM arcs".
ALWAYS = "RESUMING>STOP STOP>RESUMING STOP>STOP_COPY STOP_COPY>STOP"
WITHOUT_P2P = "RUNNING>STOP STOP>RUNNING"
WITH_P2P = "RUNNING>RUNNING_P2P RUNNING_P2P>RUNNING RUNNING_P2P>STOP STOP>RUNNING_P2P"
# "If precopy is supported then the driver must support these additional FSM arcs".
PRE_COPY_ALONE = "RUNNING>PRE_COPY PRE_COPY>RUNNING PRE_COPY>STOP_COPY"
# "If precopy and P2P are supported together".
PRE_COPY_AND_P2P = (
    "PRE_COPY>RUNNING PRE_COPY>PRE_COPY_P2P PRE_COPY_P2P>PRE_COPY PRE_COPY_P2P>RUNNING_P2P "
    "PRE_COPY_P2P>STOP_COPY RUNNING>PRE_COPY RUNNING_P2P>PRE_COPY_P2P"
)
# "The following transitions are blocked".
BLOCKED = {("STOP_COPY", "PRE_COPY"), ("STOP_COPY", "PRE_COPY_P2P")}
# "If all optional features are supported then the coding will step through multiple states for
# these combination transitions": the interior states of each.
COMBINATIONS = """
PRE_COPY STOP_COPY: PRE_COPY_P2P
PRE_COPY RUNNING_P2P: RUNNING
PRE_COPY STOP: RUNNING RUNNING_P2P
PRE_COPY RESUMING: RUNNING RUNNING_P2P STOP
PRE_COPY_P2P RUNNING: RUNNING_P2P
PRE_COPY_P2P STOP: RUNNING_P2P
PRE_COPY_P2P RESUMING: RUNNING_P2P STOP
RESUMING RUNNING_P2P: STOP
RESUMING PRE_COPY_P2P: STOP RUNNING_P2P
RESUMING RUNNING: STOP RUNNING_P2P
RESUMING PRE_COPY: STOP RUNNING_P2P RUNNING
RESUMING STOP_COPY: STOP
RUNNING PRE_COPY_P2P: RUNNING_P2P
RUNNING STOP: RUNNING_P2P
RUNNING RESUMING: RUNNING_P2P STOP
RUNNING STOP_COPY: RUNNING_P2P STOP
RUNNING_P2P PRE_COPY: RUNNING
RUNNING_P2P RESUMING: STOP
RUNNING_P2P STOP_COPY: STOP
STOP PRE_COPY_P2P: RUNNING_P2P
STOP RUNNING: RUNNING_P2P
STOP PRE_COPY: RUNNING_P2P RUNNING
STOP_COPY RESUMING: STOP
STOP_COPY RUNNING_P2P: STOP
STOP_COPY RUNNING: STOP RUNNING_P2P
"""

Arc = tuple[str, str]


def arcs(features: Iterable[str]) -> list[Arc]:
    """The arcs that a driver with these features implements."""
    names = [ALWAYS, WITH_P2P if "P2P" in features else WITHOUT_P2P]
    if "PRE_COPY" in features:
        names.append(PRE_COPY_AND_P2P if "P2P" in features else PRE_COPY_ALONE)
    return [(arc.split(">")[0], arc.split(">")[1]) for arc in " ".join(names).split()]


def missing(state: str, features: Iterable[str]) -> set[str]:
    """The features that a device would need for a state; none for ERROR, which is no goal."""
    return NEEDS.get(state, set()) - set(features)


def has(state: str, features: Iterable[str]) -> bool:
    """Whether a device with these features can be taken to a state."""
    return state != "ERROR" and not missing(state, features)


def path(start: str, goal: str, features: Iterable[str]) -> list[Arc] | None:
    """The arcs of the way, by the rules for combination transitions; None where there is none.

    "Select the shortest path. The path cannot have saving group states as interior arcs, only
    starting/end states." The patch breaks its own second rule once: PRE_COPY to STOP_COPY goes
    through PRE_COPY_P2P where that exists.
    """
    if not has(start, features) or not has(goal, features) or (start, goal) in BLOCKED:
        return None
    passes_saving = (start, goal) == ("PRE_COPY", "STOP_COPY")
    ways: list[list[Arc]] = [[]]
    while ways:
        done = [way for way in ways if (way[-1][1] if way else start) == goal]
        if done:
            assert len(done) == 1, f"two ways of the same length: {done}"
            return done[0]
        ways = [
            [*way, arc] for way in ways for arc in arcs(features)
            if arc[0] == (way[-1][1] if way else start)
            and (arc[1] == goal or passes_saving or arc[1] not in SAVING_GROUP)
            and all(arc[1] != passed for passed, _ in way) and len(way) < len(STATES)
        ]
    return None


def reachable(start: str, features: Iterable[str]) -> set[str]:
    """The other states that there is a way to."""
    return {goal for goal in STATES if goal != start and path(start, goal, features) is not None}


def opens_session(way: list[Arc]) -> str | None:
    """The direction of the session that is open at the end of a way that opens one."""
    direction = None
    for start, goal in way:
        if goal in SAVING_GROUP and start not in SAVING_GROUP:
            direction = "saving"
        elif goal == "RESUMING":
            direction = "resuming"
        elif goal not in SAVING_GROUP:
            direction = None
    return direction


def ends_session(way: list[Arc]) -> bool:
    """Whether the session that was open at the start is over somewhere on the way."""
    return any(
        start == "RESUMING" or start in SAVING_GROUP and goal not in SAVING_GROUP
        for start, goal in way
    )
