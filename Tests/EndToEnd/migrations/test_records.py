"""The records of migrations: begun once, planned, listed, kept, deleted; maintenance."""

from typing import Any

import pytest
from agent import eventually
from ends import complete, settle
from hosts import Pair

pytest_plugins = ["stage"]


def destination(pair: Pair, identifier: str = "m1", **members: Any) -> dict[str, Any]:
    """A destination's record for all devices of a pair."""
    devices = []
    for a, b in pair.names:
        device = pair.a.device(a).resource
        devices.append({
            "source": a, "destination": b, "identity": device["identity"],
            "features": device["features"],
        })
    return {"id": identifier, "role": "destination", "epoch": 1, "devices": devices, **members}


def test_same_key_same_migration(pair: Pair) -> None:
    """Asked twice with one key, it is begun once; after a restart as well."""
    pair.attach(2)
    request = pair.request(switchover="manual")
    del request["id"]
    request["devices"] = request["devices"][:1]
    first = pair.a.post(request, Idempotency_Key="k1")
    again = pair.a.post(request, Idempotency_Key="k1")
    assert first.ok(202)["id"] == again.ok(202)["id"]
    assert first["Location"] == again["Location"] == f"/v1/migrations/{first.json['id']}"
    assert len(pair.a.client.get("/v1/migrations").ok()["items"]) == 1
    pair.a.post(request, Idempotency_Key="k2").problem(409, "device-claimed")
    other = request | {"downtime_limit_ms": 299}
    pair.a.post(other, Idempotency_Key="k1").problem(409, "migration-exists")
    pair.a.act(first.json["id"], "cancel").ok()
    settle(pair, first.json["id"])
    pair.a.kill()
    pair.a.restart()
    assert pair.a.post(request, Idempotency_Key="k1").ok(202)["id"] == first.json["id"]


def test_not_to_itself(pair: Pair) -> None:
    """A migration whose destination is its own source says so, and leaves nothing behind."""
    pair.attach(2)
    request = pair.request(destination={"url": f"http://{pair.a.agent.address}"})
    request["devices"] = [{"source": "a0", "destination": "a1"}]
    pair.a.post(request).ok(202)
    failure = pair.a.wait_for("m1", "failed")["failure"]
    assert failure["peer"]["code"] == "migration-exists"
    assert "goes to another agent" in failure["detail"] and ".." not in failure["detail"]
    settle(pair, "m1")
    assert pair.a.device("a0").state == "RUNNING"


def test_id_is_taken(pair: Pair) -> None:
    """Another migration by the same name is refused, and changes nothing."""
    pair.attach(2)
    request = pair.request(switchover="manual")
    request["devices"] = request["devices"][:1]
    pair.a.post(request).ok(202)
    request["devices"] = [{"source": "a1"}]
    pair.a.post(request).problem(409, "migration-exists")
    assert "claimed_by" not in pair.a.device("a1").resource
    pair.a.act("m1", "cancel").ok()
    settle(pair, "m1")


def test_dry_run(pair: Pair) -> None:
    """A plan with both sides' word, and nothing is claimed or kept."""
    pair.attach(2)
    request = pair.request()
    request["devices"] = [{"source": a} for a, _ in pair.names]
    plan = pair.a.post(request, "?dry_run=true").ok(200)
    assert {device["destination"] for device in plan["devices"]} == {"b0", "b1"}
    for side in (pair.a, pair.b):
        assert side.migration("m1") is None
        items = side.client.get("/v1/devices").ok()["items"]
        assert all("claimed_by" not in item and item["state"] == "RUNNING" for item in items)
    slow = pair.request(mode="stop-copy", max_bytes_per_second=1000)
    verdict = pair.a.post(slow, "?dry_run=true").ok(200)["verdict"]
    assert "it would be rolled back after 3.0 s" in verdict and "max_downtime_ms" in verdict
    nowhere = pair.request(destination={"url": "http://127.0.0.1:9"})
    pair.a.post(nowhere, "?dry_run=true").problem(502, "peer-unreachable")
    assert pair.a.migration("m1") is None


def test_plan_is_fresh(pair: Pair) -> None:
    """What is to be moved is asked anew, and not what was left when a migration was last looked at."""
    pair.attach()

    def planned() -> Any:
        plan = pair.a.post(pair.request(), "?dry_run=true").ok(200)
        return plan["devices"][0]["progress"]["stop_copy_length"]

    whole = planned()
    pair.migrate("m0", switchover="manual")
    left = pair.a.wait_for("m0", "waiting-switchover")["devices"][0]["progress"]
    assert left["stop_copy_length"] < whole
    pair.a.act("m0", "cancel").ok()
    settle(pair, "m0")
    assert planned() == whole


def test_unreachable_leaves_nothing(pair: Pair) -> None:
    """A mistyped address fails, nobody is told of it for ever, and it can be deleted."""
    pair.attach()
    pair.a.post(pair.request(destination={"url": "http://127.0.0.1:9"})).ok(202)
    failed = pair.a.wait_for("m1", "failed")
    assert failed["failure"]["code"] == "peer-unreachable"
    assert not any(c["type"] == "Discarded" for c in failed["conditions"])
    pair.a.client.ask("DELETE", "/v1/migrations/m1").ok(204)


def test_lost_destination_is_given_up(pair: Pair) -> None:
    """One that is gone for good is told until an operator has vouched that it is."""
    pair.attach()
    pair.migrate(switchover="manual")
    pair.a.wait_for("m1", "waiting-switchover")
    pair.b.kill()
    assert pair.a.act("m1", "cancel").ok()["phase"] in ("aborting", "cancelled")
    pair.a.wait_for("m1", "cancelled")
    problem = pair.a.client.ask("DELETE", "/v1/migrations/m1").problem(409, "migration-active")
    assert "take_over" in problem["detail"]
    fenced = {"action": "take_over", "fenced": True, "reason": "its host has burnt"}
    pair.a.act("m1", "resolve", fenced).ok()
    pair.a.client.ask("DELETE", "/v1/migrations/m1").ok(204)
    assert pair.a.device("a0").state == "RUNNING"


def test_same_id_again(pair: Pair) -> None:
    """The same request by the same id is the same migration, running and ended."""
    pair.attach()
    request = pair.request(switchover="manual")
    first = pair.a.post(request).ok(202)
    assert pair.a.post(request).ok(202)["created_at"] == first["created_at"]
    pair.a.act("m1", "cancel").ok()
    settle(pair, "m1")
    assert pair.a.post(request).ok(202)["phase"] == "cancelled"


def test_deleting(pair: Pair) -> None:
    """Only what has ended, is known to have ended, and holds no device any more."""
    pair.attach()
    pair.migrate(switchover="manual")
    delete = pair.a.client.ask("DELETE", "/v1/migrations/m1")
    assert delete.problem(409, "migration-active")["phase"]
    pair.a.wait_for("m1", "waiting-switchover")
    pair.a.act("m1", "switchover").ok()
    settle(pair, "m1")
    pair.a.client.ask("DELETE", "/v1/migrations/m1").problem(409, "migration-active")
    pair.a.device("a0").reset().ok()
    for side in (pair.a, pair.b):
        eventually(
            lambda: side.client.ask("DELETE", "/v1/migrations/m1").status in (204, 404), "deleted")
        side.client.get("/v1/migrations/m1").problem(404, "not-found")
        side.client.ask("DELETE", "/v1/migrations/m1").problem(404, "not-found")
    # Its devices and its id are free again.
    pair.b.device("b0").reset()
    complete(pair)


def test_deleting_what_the_other_does_not_know(pair: Pair) -> None:
    """The source has taken back, and the destination was not told yet."""
    pair.attach()
    pair.migrate(switchover="manual")
    pair.a.wait_for("m1", "waiting-switchover")
    pair.b.gate.cut()
    pair.a.act("m1", "cancel").ok()
    pair.a.wait_for("m1", "cancelled")
    pair.a.client.ask("DELETE", "/v1/migrations/m1").problem(409, "migration-active")
    pair.b.gate.mend()
    pair.b.wait_for("m1", "discarded")
    eventually(
        lambda: pair.a.client.ask("DELETE", "/v1/migrations/m1").status == 204, "acknowledged")


def test_listing(pair: Pair) -> None:
    """Filters and pages."""
    pair.attach(3)
    for number, (a, b) in enumerate(pair.names):
        request = pair.request(f"m{number}", switchover="manual")
        request["devices"] = [{"source": a, "destination": b}]
        pair.a.post(request).ok(202)
    pair.a.act("m1", "cancel").ok()
    cancelled = pair.a.wait_for("m1", "cancelled")
    assert cancelled["role"] == "source" and cancelled["coordinator"] == "agent"
    client = pair.a.client

    def ids(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"/v1/migrations{query}").ok()["items"]]

    assert ids("") == ["m0", "m1", "m2"]
    assert ids("?phase=cancelled") == ["m1"]
    assert ids("?role=destination") == []
    assert ids("?role=source&phase=completed") == []
    page = client.get("/v1/migrations?limit=2").ok()
    assert [item["id"] for item in page["items"]] == ["m0", "m1"]
    rest = client.get(f"/v1/migrations?limit=2&page_token={page['next_page_token']}").ok()
    assert [item["id"] for item in rest["items"]] == ["m2"] and "next_page_token" not in rest
    client.get("/v1/migrations?phase=nonsense").problem(400, "invalid-request")
    client.get("/v1/migrations?role=nonsense").problem(400, "invalid-request")
    for identifier in ("m0", "m2"):
        pair.a.act(identifier, "cancel").ok()
    settle(pair, "m0")
    settle(pair, "m2")


def test_maintenance(pair: Pair) -> None:
    """New ones are refused on either side, the one that goes on comes to its end."""
    pair.attach(2)
    request = pair.request(switchover="manual")
    request["devices"] = request["devices"][:1]
    pair.a.post(request).ok(202)
    pair.a.wait_for("m1", "waiting-switchover")
    target = "/v1/maintenance"
    assert pair.a.client.get(target).ok() == {"maintenance": False}
    begun = pair.a.client.put(target, {"maintenance": True, "reason": "new kernel"}).ok()
    assert begun == pair.a.client.get(target).ok() == {"maintenance": True, "reason": "new kernel"}
    other = {"id": "m2", "devices": [{"source": "a1"}], "destination": request["destination"]}
    for query in ("", "?dry_run=true"):
        pair.a.post(other, query).problem(503, "maintenance")
    pair.b.client.put(target, {"maintenance": True}).ok()
    pair.b.post(destination(pair, "m3")).problem(503, "maintenance")
    pair.a.act("m1", "switchover").ok()
    settle(pair, "m1")
    assert pair.a.migration("m1")["phase"] == "completed"
    assert pair.a.client.put(target, {"maintenance": False}).ok() == {"maintenance": False}
    pair.a.client.put(target, {"maintenance": 1}).problem(400, "invalid-request")


def test_destination_record(pair: Pair) -> None:
    """Repeated it is the same one; of an earlier epoch it is refused; discarded it stays so."""
    pair.attach()
    first = pair.b.post(destination(pair))
    again = pair.b.post(destination(pair))
    assert first.ok(201)["id"] == again.ok(201)["id"] == "m1"
    assert first.json["devices"][0]["destination"] == "b0"
    pair.b.post(destination(pair, "m2")).problem(409, "device-claimed")
    pair.b.act("m1", "discard", {"epoch": 2}).ok()
    pair.b.wait_for("m1", "discarded")
    image = {"device": "b0", "bytes": 1, "sha256": "0" * 64}
    for epoch, code in ((1, "stale-epoch"), (2, "migration-ended")):
        begun = pair.b.post(destination(pair, epoch=epoch))
        assert begun.status == 409 and begun.json["code"] in ("stale-epoch", "migration-ended")
        prepare = {"epoch": epoch, "images": [image]}
        pair.b.act("m1", "prepare", prepare).problem(409, code)
        pair.b.act("m1", "run", {"epoch": epoch}).problem(409, code)
    assert "claimed_by" not in pair.b.device("b0").resource


def test_tombstone(pair: Pair) -> None:
    """What was discarded before it came is refused when it comes, after a restart too."""
    pair.attach()
    pair.b.act("m1", "discard", {"epoch": 1}).ok()
    pair.b.act("m1", "discard", {"epoch": 1}).ok()
    pair.b.post(destination(pair)).problem(409, "migration-ended")
    pair.b.kill()
    pair.b.restart()
    pair.b.post(destination(pair)).problem(409, "migration-ended")
    assert pair.b.device("b0").state == "RUNNING"


def test_what_does_not_fit(pair: Pair) -> None:
    """Another driver, a device that is not there, one that only the agent keeps alive."""
    pair.attach()
    wrong = destination(pair)
    wrong["devices"][0]["identity"] = {"driver": "mtty"}
    pair.b.post(wrong).problem(422, "incompatible-device")
    missing = destination(pair)
    missing["devices"][0]["destination"] = "b9"
    pair.b.post(missing).problem(404, "not-found")
    pair.a.attach("volatile", seed=3, last_close_resets=True)
    request = pair.request()
    request["devices"] = [{"source": "volatile", "destination": "b0"}]
    problem = pair.a.post(request).problem(422, "sole-holder")
    assert problem["device"] == "volatile"
    request["devices"] = [{"source": "a9"}]
    pair.a.post(request).problem(404, "not-found")
    assert "claimed_by" not in pair.b.device("b0").resource


@pytest.mark.parametrize("change", [
    {"devices": []}, {"devices": [{"source": "a0"}, {"source": "a0"}]}, {"mode": "fast"},
    {"barriers": ["before-lunch"]}, {"destination": {"url": "ftp://x"}}, {"destination": {}},
    {"downtime_limit_ms": -1}, {"unknown": 1}, {"coordinator": "client", "mode": "pre-copy"},
    {"epoch": 1.0}, {"id": "a/b"},
], ids=str)
def test_nonsense(pair: Pair, change: dict[str, Any]) -> None:
    """Refused with the place of what is wrong, and nothing begins."""
    pair.attach()
    problem = pair.a.post({**pair.request(), **change}).problem(400, "invalid-request")
    assert problem["pointer"].startswith("/"), problem
    assert pair.a.client.get("/v1/migrations").ok()["items"] == []
