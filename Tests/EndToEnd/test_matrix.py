"""PUT state over all pairs of states and all sets of features, against the patch's own words."""

from typing import Any

import pytest
from agent import Agent
from clients import Client
from devices import ALL_FEATURES, Device
from machine import (
    BLOCKED, COMBINATIONS, STATES, arcs, ends_session, has, missing, opens_session, path, reachable,
)
from rigs import RIG, Rig, bring

STARTS = [
    (features, start) for features in RIG.feature_sets for start in RIG.start_states
    if start == "ERROR" or has(start, features)
]
PAIRS = [
    pytest.param(features, start, goal, id=f"{'+'.join(features)}-{start}-{goal}")
    for features, start in STARTS for goal in STATES
]


@pytest.fixture(scope="module")
def rig(agent: Agent) -> Rig:
    """Where the devices come from."""
    return RIG(Client(agent.address))


def device_in(rig: Rig, features: list[str], state: str) -> tuple[Device, dict[str, Any]]:
    """A device in a state, and the members that a PUT there needs to leave it."""
    if state == "ERROR":
        return rig.failed_device(features), {}
    device = rig.device(features)
    return device, bring(device, state)


def test_oracle_agrees_with_the_list_in_the_patch() -> None:
    """The rules, searched, give every combination transition that the patch lists, and no other."""
    listed = {}
    for line in COMBINATIONS.split("\n"):
        if line:
            ends, interior = line.split(":")
            start, goal = ends.split()
            listed[start, goal] = interior.split()
    single = set(arcs(ALL_FEATURES))
    for start in STATES:
        for goal in STATES:
            way = path(start, goal, ALL_FEATURES)
            if "ERROR" in (start, goal) or (start, goal) in BLOCKED:
                assert way is None
            elif start == goal:
                assert way == []
            elif (start, goal) in single:
                assert way == [(start, goal)]
            else:
                assert [arc[0] for arc in way or []][1:] == listed.pop((start, goal))
    assert not listed


@pytest.mark.parametrize(("features", "start", "goal"), PAIRS)
def test_pair(rig: Rig, features: list[str], start: str, goal: str) -> None:
    """A PUT runs the arcs of the oracle's path, or is refused as it should be, and does nothing."""
    device, members = device_in(rig, features, start)
    before = device.resource
    way = path(start, goal, features)
    if way is None:
        check_refusal(device, before, goal)
    else:
        check_success(device, before, goal, way, members)
    assert rig.witness() in (None, start if way is None else goal)


def check_refusal(device: Device, before: dict[str, Any], goal: str) -> None:
    """Refused with the right slug, and nothing has changed."""
    start, features = before["state"], before["features"]
    answer = device.put(goal)
    if start != "ERROR" and missing(goal, features):
        problem = answer.problem(422, "unsupported-state")
        assert set(problem["missing_features"]) == missing(goal, features)
    else:
        problem = answer.problem(409, "invalid-transition")
        assert (problem["from"], problem["to"]) == (start, goal)
        assert set(problem["reachable_states"]) == reachable(start, features)
    after = device.resource
    assert after == before


def check_success(
    device: Device, before: dict[str, Any], goal: str, way: list[tuple[str, str]],
    members: dict[str, Any],
) -> None:
    """The arcs are the oracle's, and the sessions come and go with them."""
    answer = device.put(goal, **members)
    report = answer.ok()
    assert [(arc["from"], arc["to"]) for arc in report["arcs"]] == way
    assert all(type(arc["duration_us"]) is int and arc["duration_us"] >= 0
               for arc in report["arcs"])
    assert report["device"] == device.id
    assert report["state"] == goal == device.state
    assert answer.etag == f'"{report["generation"]}"'
    assert device.generation == report["generation"] >= before["generation"] + len(way)
    if not way:
        assert report["generation"] == before["generation"]
    check_sessions(report, before.get("session"), way)
    assert device.resource.get("session", {}).get("id") == report.get("session", {}).get("id")


def check_sessions(
    report: dict[str, Any], before: dict[str, Any] | None, way: list[tuple[str, str]]
) -> None:
    """What the arcs do to the session: kept inside the saving group, opened and ended around it."""
    after = report.get("session")
    if ends_session(way):
        assert before and report["session_ended"]["id"] == before["id"]
        commits = ("RESUMING", "STOP") in way
        assert report["session_ended"]["outcome"] == ("committed" if commits else "rolled-back")
        assert report["session_ended"]["undelivered"] is not commits
    else:
        assert "session_ended" not in report
        if before:
            assert after and after["id"] == before["id"]
    if opened := opens_session(way):
        assert after and after["direction"] == opened
        assert (after["phase"], after["offset"]) == ("active", 0)
        assert after["id"] != (before or {}).get("id")
    elif ends_session(way) or not before:
        assert after is None


@pytest.mark.parametrize(
    ("features", "start"), STARTS, ids=[f"{'+'.join(features)}-{start}" for features, start in STARTS])
def test_reachable_states(rig: Rig, features: list[str], start: str) -> None:
    """GET state lists exactly the states that a PUT can reach."""
    device, _ = device_in(rig, features, start)
    listed = device.status["reachable_states"]
    assert len(listed) == len(set(listed))
    assert set(listed) == reachable(start, features)
