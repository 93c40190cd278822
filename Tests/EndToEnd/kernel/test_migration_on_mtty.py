"""The whole life of a migration between two real devices, by curl alone."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import mtty
import pytest
from agent import Agent
from clients import Client, curl_json, end_curl, start_curl

VALUES = (0xA5, 0x3C)


@pytest.fixture(scope="module")
def urls(agent: Agent) -> tuple[str, str]:
    """Two devices of one kind, attached by curl from what host-devices offers."""
    host = curl_json(f"{agent.url}/v1/host-devices")["items"]
    by_name = {item["name"]: item for item in host}
    for number in mtty.TWO_PORTS:
        offered = by_name[mtty.MDEVS[number]]
        assert offered["source"] == mtty.source(number)
        assert (offered["driver"], offered["mdev_type"]) == (mtty.DRIVER, f"{mtty.DRIVER}-2")
        body = json.dumps({"id": f"mtty{number}", "source": offered["source"]})
        device = curl_json(f"{agent.url}/v1/devices", "--json", body)
        assert device["backend"] == "kernel" and device["state"] == "RUNNING"
        assert set(device["features"]) == {"STOP_COPY", "P2P", "PRE_COPY"}
    return f"{agent.url}/v1/devices/mtty0", f"{agent.url}/v1/devices/mtty1"


@pytest.fixture
def registers(agent: Agent, urls: tuple[str, str]) -> Iterator[mtty.Registers]:
    """The scratch registers of both devices, by their numbers."""
    with mtty.Registers(agent, *mtty.TWO_PORTS) as registers:
        yield registers


def put_state(url: str, state: str, **members: Any) -> Any:
    """PUT state by curl."""
    return curl_json("-X", "PUT", f"{url}/state", "--json", json.dumps({"state": state, **members}))


def reset(url: str) -> None:
    """POST reset by curl."""
    curl_json("-X", "POST", f"{url}/reset", "-H", "If-Match: *")


def test_pre_copy_migration(urls: tuple[str, str], registers: mtty.Registers) -> None:
    """What was written into the source's registers is read back from the destination's."""
    a, b = urls
    registers.write(*VALUES)
    registers.write(0, 0, number=1)
    put_state(b, "RESUMING")
    assert put_state(a, "PRE_COPY")["session"]["direction"] == "saving"
    assert mtty.witness(0) in (None, "PRE_COPY")

    left = curl_json(f"{a}/precopy-info")
    assert left["initial_bytes"] > 0
    down = start_curl("-f", "-N", f"{a}/data", stdout=subprocess.PIPE)
    up = start_curl("-f", "-T", "-", f"{b}/data", stdin=down.stdout, stdout=subprocess.PIPE)
    left = curl_json(f"{a}/precopy-info?max_age_ms=100&until=initial-done&wait_ms=20000")
    assert (left["initial_bytes"], left["dirty_bytes"]) == (0, 0)
    assert curl_json(f"{a}/state")["state"] == "PRE_COPY", "it still runs"

    put_state(a, "PRE_COPY_P2P")
    assert mtty.witness(0) in (None, "PRE_COPY_P2P")
    report = put_state(a, "STOP_COPY")
    assert [arc["to"] for arc in report["arcs"]] == ["STOP_COPY"]
    assert end_curl(down) == 0 and end_curl(up) == 0
    session = curl_json(f"{a}/session")
    assert (session["phase"], session["offset"]) == ("complete", mtty.image_length(0))

    assert registers.read(2, number=1) == (0, 0), "not before the commit"
    image = {"bytes": session["offset"], "sha256": session["sha256"]}
    report = put_state(b, "RUNNING", image=image)
    assert [arc["to"] for arc in report["arcs"]] == ["STOP", "RUNNING_P2P", "RUNNING"]
    assert report["session_ended"]["outcome"] == "committed"
    assert mtty.witness(1) in (None, "RUNNING")
    assert registers.read(2, number=1) == VALUES
    assert put_state(a, "STOP")["session_ended"]["outcome"] == "committed"
    reset(a)


def test_migrated_on(urls: tuple[str, str], registers: mtty.Registers) -> None:
    """Back again, without pre-copy and by way of a file, with other values."""
    b, a = urls
    values = tuple(value ^ 0xFF for value in VALUES)
    registers.write(*values, number=1)
    registers.write(0, 0)
    put_state(a, "STOP_COPY")
    put_state(b, "RESUMING")
    image = start_curl("-f", f"{a}/data", stdout=subprocess.PIPE)
    assert image.stdout
    data = image.stdout.read()
    assert end_curl(image) == 0 and len(data) == mtty.image_length(1)
    upload = start_curl("-f", "-T", "-", f"{b}/data", stdin=subprocess.PIPE)
    assert upload.stdin
    upload.stdin.write(data)
    upload.stdin.close()
    assert end_curl(upload) == 0
    put_state(b, "RUNNING", image={"bytes": len(data)})
    assert registers.read(2) == values
    put_state(a, "STOP")
    reset(a)


def test_source_goes_back(
    client: Client, urls: tuple[str, str], registers: mtty.Registers
) -> None:
    """From every state of the saving group the device runs on with what it had."""
    for state in ("PRE_COPY", "PRE_COPY_P2P", "STOP_COPY"):
        registers.write(*VALUES)
        put_state(urls[0], state)
        report = put_state(urls[0], "RUNNING")
        assert report["session_ended"]["outcome"] == "rolled-back"
        assert registers.read(2) == VALUES
    assert client.get("/v1/devices/mtty0").ok()["state"] == "RUNNING"
