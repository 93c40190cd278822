"""What it takes: memory, time to start, processor time at rest, allocations on the way."""

import http.client
import mmap
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

from measuring import Figure
from servers import BUILT, FERRY, GIB, MIB, Agent

KIB = 1 << 10
MANY = 15


def start() -> Iterator[Figure]:
    """From the fork to the first answer; what is on disk, and what is resident then."""
    times, resident = [], []
    for _ in range(MANY):
        with Agent() as agent:
            agent.ask("GET", "/v1")
            times.append((time.monotonic() - agent.started) * 1e3)
            time.sleep(0.1)
            resident.append(agent.resident / MIB)
    yield Figure("start to first answer", "ms", times, "<", 50)
    yield Figure("resident memory idle", "MiB", resident, "<", 20)
    yield Figure("size of the binary", "MiB", [FERRY.stat().st_size / MIB])


def devices() -> Iterator[Figure]:
    """Memory for each attached device, and the time to list them."""
    with Agent() as agent:
        before, attached = agent.resident, 0
        for count in (1, 10, 100, 1000, 10_000):
            while attached < count:
                agent.attach(f"device-{attached:05}")
                attached += 1
            pages = [page(agent, "/v1/devices?limit=100") for _ in range(MANY)]
            bar = ("<", 3.0) if count >= 100 else ("", 0.0)
            yield Figure(f"a page of {min(count, 100)} of {count} devices", "ms", pages, *bar)
            if count >= 100:
                bytes_each = (agent.resident - before) / count
                yield Figure(
                    f"memory per device, {count} attached", "KiB", [bytes_each / KIB], "<", 16)
            if count == 1000:
                walks = [walk(agent) for _ in range(MANY)]
                yield Figure("all 1000 devices in pages", "ms", walks, "<", 40)


def page(agent: Agent, path: str) -> float:
    """Milliseconds for one page."""
    return fetch(agent.control, path)[0]


def walk(agent: Agent) -> float:
    """Milliseconds for all pages of 100, one after the other."""
    total, path, pages = 0.0, "/v1/devices?limit=100", 0
    while path:
        spent, text = fetch(agent.control, path)
        total, pages = total + spent, pages + 1
        token = re.search(rb'"next_page_token":"([^"]+)"', text)
        path = f"/v1/devices?limit=100&page_token={token[1].decode()}" if token else ""
    assert pages == 10
    return total


def fetch(connection: http.client.HTTPConnection, path: str) -> tuple[float, bytes]:
    """Milliseconds and the body of one GET."""
    start = time.perf_counter()
    connection.request("GET", path)
    text = connection.getresponse().read()
    return (time.perf_counter() - start) * 1e3, text


def connections() -> Iterator[Figure]:
    """Memory for a connection that never streamed, and for a stream beyond its window."""
    count, window, streams = 200, 4 * MIB, 8
    each, beyond = [], []
    for _ in range(3):
        with Agent() as agent, ExitStack() as stack:
            agent.ask("GET", "/v1")
            before = agent.resident
            for _ in range(count):
                connection = stack.enter_context(closing(agent.connect()))
                fetch(connection, "/v1")
            each.append((agent.resident - before) / count / KIB)
        with Agent() as agent, ExitStack() as stack:
            paths = [agent.attach(f"device-{number}", window=window, initial_bytes=GIB)
                     for number in range(streams)]
            before = agent.resident
            for path in paths:
                agent.go(path, "STOP_COPY")
                connection = stack.enter_context(closing(agent.connect()))
                connection.request("GET", f"{path}/data?limit={GIB}")
                connection.getresponse().read(4 * window)
            beyond.append(((agent.resident - before) / streams - window) / MIB)
    yield Figure("memory per idle connection", "KiB", each, "<", 128)
    yield Figure("memory per stream beyond its window", "MiB", beyond, "<", 4)


def idle() -> Iterator[Figure]:
    """Processor time of a PRE_COPY stream on which nothing comes, as a share of one core."""
    with Agent() as agent, closing(agent.connect()) as connection:
        path = agent.attach("device", initial_bytes=MIB)
        agent.go(path, "PRE_COPY")
        connection.request("GET", f"{path}/data")
        answer = connection.getresponse()
        answer.read(MIB)
        shares = []
        for _ in range(5):
            before, start = agent.processor_seconds, time.monotonic()
            time.sleep(2)
            shares.append(
                100 * (agent.processor_seconds - before) / (time.monotonic() - start))
    yield Figure("an idle PRE_COPY stream", "% of a core", shares, "<", 1)


def allocations() -> Iterator[Figure]:
    """Calls that give memory out while a stream runs in its steady state, for each GiB."""
    for name, query in (("digest off", "?digest=none"), ("digest on", "")):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(mmap.PAGESIZE)
            environment = {
                "LD_PRELOAD": str(BUILT / "malloc-count.so"), "ALLOCATIONS": file.name}
            with mmap.mmap(file.fileno(), 0) as counts, Agent(environment) as agent, \
                    closing(agent.connect()) as connection:
                path = agent.attach("device", initial_bytes=4 * GIB)
                agent.go(path, "STOP_COPY")
                connection.request("GET", f"{path}/data{query}")
                answer = connection.getresponse()
                values = []
                for number in range(3):
                    # The first one fills the window.
                    before = int.from_bytes(counts[:8], "little")
                    assert before > 0, "the agent's allocations are counted"
                    answer.readinto(bytearray(GIB))
                    if number:
                        values.append(int.from_bytes(counts[:8], "little") - before)
        # A GiB is 1024 chunks; a few come from the thread that looks for connections to end.
        yield Figure(f"allocations per GiB, {name}", "", values, "<", 16)
