"""How much an agent takes on: migrations out, migrations in, and their bandwidth together."""

import time
from typing import Any

import pytest
from agent import MIB
from ends import settle
from hosts import Pair

pytest_plugins = ["stage"]


def limited(pair: Pair, side: str, *arguments: str) -> None:
    """Starts one side again, with options."""
    host = {"a": pair.a, "b": pair.b}[side]
    host.arguments = arguments
    host.kill()
    host.restart()


def one(pair: Pair, number: int, **members: Any) -> dict[str, Any]:
    """A migration of one device of the pair."""
    request = pair.request(f"m{number}", **members)
    request["devices"] = [request["devices"][number]]
    return request


@pytest.mark.parametrize("side, option", [("a", "--migrations-out"), ("b", "--migrations-in")])
def test_one_at_a_time(pair: Pair, side: str, option: str) -> None:
    """The second is refused, by whom and by what stands there; the first goes on, and makes room."""
    limited(pair, side, option, "1")
    pair.attach(2)
    pair.a.post(one(pair, 0, switchover="manual")).ok(202)
    pair.a.wait_for("m0", "waiting-switchover")
    plan = pair.a.post(one(pair, 1), "?dry_run=true").problem(503, "overloaded")
    assert option in plan["detail"]
    if side == "a":
        pair.a.post(one(pair, 1)).problem(503, "overloaded")
        assert "claimed_by" not in pair.a.device("a1").resource
    else:
        pair.a.post(one(pair, 1)).ok(202)
        failure = pair.a.wait_for("m1", "failed")["failure"]
        assert failure["peer"]["code"] == "overloaded" and option in failure["detail"]
    pair.a.act("m0", "switchover").ok()
    settle(pair, "m0")
    again = one(pair, 1) | {"id": "m2"}
    pair.a.post(again).ok(202)
    settle(pair, "m2")
    assert pair.a.migration("m2")["phase"] == "completed"
    limits = {"a": pair.a, "b": pair.b}[side].client.get("/v1").ok()["limits"]
    assert limits[option.removeprefix("--").replace("-", "_")] == 1


def test_bandwidth_of_all(pair: Pair) -> None:
    """Two migrations share what the agent may send; together they are not faster."""
    rate = 8 * MIB
    limited(pair, "a", "--bandwidth", str(rate))
    pair.attach(2)
    begun = time.monotonic()
    for number in range(2):
        pair.a.post(one(pair, number, downtime_limit_ms=2000)).ok(202)
    for number in range(2):
        settle(pair, f"m{number}")
    sent = sum(pair.a.migration(f"m{n}")["devices"][0]["image"]["bytes"] for n in range(2))
    # Slower is the machine's affair; a quarter less is what a pace may begin with.
    assert time.monotonic() - begun >= 0.75 * sent / rate
    assert pair.a.client.get("/v1").ok()["limits"]["migration_bytes_per_second"] == rate
