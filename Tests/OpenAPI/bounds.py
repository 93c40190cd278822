"""Keeps the requests that schemathesis makes short and harmless; it changes no verdict.

Only values that the document allows are touched, so that whatever must be refused still goes out
as it was made.
"""

import re
from typing import Any

import schemathesis
from handovers import PEER

# What a request may take, where its answer would otherwise wait for somebody or something.
LONGEST_WAIT_MS = 20
LONGEST_LATENCY_US = 500
LONGEST_STALL_MS = 5
MOST_BYTES = 1 << 20
LEAST_BYTES_PER_SECOND = 100 << 20
# Names that no device of the machine under test has: no real one may be touched.
NO_CDEV = "/dev/vfio/devices/vfio999999999"
NO_GROUP = 2147483647
URL = r"(https?://|unix:/)[!-~]{1,255}"


def keep(case: schemathesis.Case) -> None:
    """Bounds a request."""
    identifier = case.operation.definition.raw.get("operationId")
    if identifier in ("getState", "setState", "getPrecopyInfo", "getMigration"):
        bound_wait(case.query)
    elif identifier == "downloadData":
        bound_download(case.query)
    elif identifier in ("listDevices", "listHostDevices", "listMigrations") and case.query:
        bound_name(case.query, "page_token")
    elif identifier == "attachDevice" and isinstance(case.body, dict):
        bound_name(case.body, "id")
        bound_source(case.body.get("source"))
    elif identifier == "createMigration" and isinstance(case.body, dict):
        bound_migration(case.body)


def bound_migration(body: dict[str, Any]) -> None:
    """Nobody is at the other side, and nothing takes long."""
    bound_name(body, "id")
    devices = body.get("devices")
    for device in devices if isinstance(devices, list) else []:
        if isinstance(device, dict):
            bound_name(device, "source")
            bound_name(device, "destination")
    destination = body.get("destination")
    for name in ("url", "data_url"):
        if isinstance(destination, dict) and matches(destination.get(name), URL):
            destination[name] = PEER


def number(value: Any) -> int | None:
    """The whole number that a parameter or member is; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None


def bound(values: dict[str, Any], name: str, most: int, valid: int) -> None:
    """Takes a value that is valid down to the most that is wanted."""
    value = number(values.get(name))
    if value is not None and most < value <= valid:
        values[name] = most


def replace(values: dict[str, Any], name: str, other: int, valid: range) -> None:
    """Replaces a whole number that is valid by another one."""
    value = number(values.get(name))
    if value is not None and value in valid:
        values[name] = other


def bound_name(values: dict[str, Any], name: str) -> None:
    """Ids are none of the two names that mean something in paths; no schema says so."""
    if values.get(name) in (".", ".."):
        values[name] = "dots"


def bound_wait(query: dict[str, Any] | None) -> None:
    """A wait ends soon."""
    if query is not None:
        bound(query, "wait_ms", LONGEST_WAIT_MS, 60_000)


def bound_download(query: dict[str, Any] | None) -> None:
    """A download ends by itself, at the first temporary end or before."""
    if query is None:
        return
    query.setdefault("until", "drained")
    query.setdefault("limit", MOST_BYTES)
    bound(query, "limit", MOST_BYTES, 2**63 - 1)
    rate = number(query.get("max_bytes_per_second"))
    if rate is not None and 0 < rate < LEAST_BYTES_PER_SECOND:
        query["max_bytes_per_second"] = LEAST_BYTES_PER_SECOND


def bound_source(source: Any) -> None:
    """No device of this host is touched, and a simulated one is quick."""
    if not isinstance(source, dict):
        return
    cdev, group, plan = source.get("cdev"), source.get("group"), source.get("simulated")
    if isinstance(cdev, dict) and matches(cdev.get("path"), r"/dev/vfio/devices/vfio[0-9]{1,9}"):
        cdev["path"] = NO_CDEV
    if isinstance(group, dict):
        replace(group, "group", NO_GROUP, range(NO_GROUP))
        bound_name(group, "device")
    if isinstance(plan, dict):
        bound_plan(plan)


def bound_plan(plan: dict[str, Any]) -> None:
    """Bounds how long things take, and keeps the rules that a schema cannot say."""
    bound(plan, "arc_latency_us", LONGEST_LATENCY_US, 60_000_000)
    features = plan.get("features")
    if isinstance(features, list) and all(name in ("P2P", "PRE_COPY") for name in features):
        plan["features"] = ["STOP_COPY", *features]
    faults = plan.get("faults")
    for fault in faults if isinstance(faults, list) else []:
        if isinstance(fault, dict):
            bound_fault(fault)


def bound_fault(fault: dict[str, Any]) -> None:
    """The same for a fault: a real errno, and `emfile-after` on arcs."""
    bound(fault, "stall_ms", LONGEST_STALL_MS, 600_000)
    if fault.get("action") == "stall":
        fault.setdefault("stall_ms", LONGEST_STALL_MS)
    if matches(fault.get("errno"), r"E[A-Z0-9]+"):
        fault["errno"] = "EIO"
    if fault.get("action") == "emfile-after" and fault.get("on") in ("read", "write", "idle"):
        fault["on"] = "arc"


def matches(value: Any, pattern: str) -> bool:
    """Whether a value is a text of a form."""
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
