"""Bulk data: downloads, uploads, both through curl, several at once."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from measuring import Figure, alternate, ratios
from servers import BUILT, GIB, MIB, Agent, bare, client, library_stream

SIZE = 4 * GIB
PIPED = 2 * GIB
GIGA = 1e9


def downloads() -> Iterator[Figure]:
    """GET data against a loop of read() and send(), and against the bare library."""
    with Agent() as agent, bare() as limit, library_stream() as library:
        default = agent.attach("default", initial_bytes=SIZE)
        without = agent.attach("without", window=0, initial_bytes=SIZE)
        values = alternate({
            "digest off": lambda: download(agent, default, "?digest=none"),
            "no window": lambda: download(agent, without, "?digest=none"),
            "digest on": lambda: download(agent, default),
            "bare": lambda: client("get", limit.port, f"/{SIZE}"),
            "library": lambda: client("get", library.port, f"/{SIZE}"),
        })
    yield from speeds("GET data", values)
    off = values["digest off"]
    yield Figure("GET data, digest off / bare", "", ratios(off, values["bare"]), ">=", 0.95)
    yield Figure("GET data, digest off / library", "", ratios(off, values["library"]), ">=", 1)
    yield Figure("GET data, no window / bare", "", ratios(values["no window"], values["bare"]))
    yield Figure("GET data, digest on / off", "", ratios(values["digest on"], off), ">=", 0.5)


def download(agent: Agent, device: str, query: str = "") -> float:
    """The whole image of a device that is stopped for it."""
    agent.go(device, "STOP", "STOP_COPY")
    return client("get", agent.port, f"{device}/data{query}")


def uploads() -> Iterator[Figure]:
    """PUT data against a loop of recv() and write(), and against the bare library."""
    size = GIB
    image = BUILT / "image"
    with image.open("wb") as file:
        subprocess.run([BUILT / "bare", "image", str(size)], stdout=file, check=True)
    with Agent() as agent, bare() as limit, library_stream() as library:
        device = agent.attach("destination", initial_bytes=size)
        values = alternate({
            "digest off": lambda: upload(agent, device, image, "?digest=none"),
            "digest on": lambda: upload(agent, device, image),
            "bare": lambda: client("put", limit.port, image, f"/{size}"),
            "library": lambda: client("put", library.port, image, f"/{size}"),
        })
    image.unlink()
    yield from speeds("PUT data", values)
    off = values["digest off"]
    yield Figure("PUT data, digest off / bare", "", ratios(off, values["bare"]), ">=", 0.95)
    yield Figure("PUT data, digest off / library", "", ratios(off, values["library"]))
    yield Figure("PUT data, digest on / off", "", ratios(values["digest on"], off), ">=", 0.5)


def upload(agent: Agent, device: str, image: Path, query: str = "") -> float:
    """A whole image into a device that is reset for it."""
    agent.ask("POST", f"{device}/reset")
    agent.go(device, "RESUMING")
    return client("put", agent.port, image, f"{device}/data{query}")


def pipes() -> Iterator[Figure]:
    """Agent to agent through curl, against the peers joined in the same way."""
    with Agent() as here, Agent() as there, bare() as limit:
        source = here.attach("source", initial_bytes=PIPED)
        target = there.attach("target", initial_bytes=PIPED)

        def migrate(query: str) -> float:
            here.go(source, "STOP", "STOP_COPY")
            there.ask("POST", f"{target}/reset")
            there.go(target, "RESUMING")
            return pipe(f"{here.url}{source}/data{query}", f"{there.url}{target}/data{query}")

        values = alternate({
            "digest off": lambda: migrate("?digest=none"),
            "digest on": lambda: migrate(""),
            "bare": lambda: pipe(f"{limit.url}/{PIPED}", f"{limit.url}/{PIPED}"),
        })
    yield from speeds("curl | curl -T -", values)
    yield Figure(
        "curl | curl -T -, digest off / bare", "", ratios(values["digest off"], values["bare"]))


def pipe(source: str, target: str) -> float:
    """Bytes per second from one URL to another."""
    start = time.monotonic()
    curl = "curl -qsSfN --noproxy '*'"
    subprocess.run(
        ["bash", "-o", "pipefail", "-c",
         f"{curl} '{source}' | {curl} -o /dev/null -T - '{target}'"], check=True)
    return PIPED / (time.monotonic() - start)


def parallel() -> Iterator[Figure]:
    """One to eight downloads at once, together."""
    size = GIB
    with Agent() as agent, bare() as limit:
        devices = [agent.attach(f"device-{number}", initial_bytes=size) for number in range(8)]

        def ours(count: int) -> Callable[[], float]:
            def run() -> float:
                for device in devices[:count]:
                    agent.go(device, "STOP", "STOP_COPY")
                targets = [f"{device}/data?digest=none" for device in devices[:count]]
                return client("get", agent.port, *targets)

            return run

        def theirs(count: int) -> Callable[[], float]:
            return lambda: client("get", limit.port, *[f"/{size}"] * count)

        for count in (1, 2, 4, 8):
            values = alternate({"digest off": ours(count), "bare": theirs(count)})
            yield from speeds(f"GET data, {count} at once", values)
            yield Figure(
                f"GET data, {count} at once, digest off / bare", "",
                ratios(values["digest off"], values["bare"]))


def pace() -> Iterator[Figure]:
    """The rate limit, looked at every 100 ms."""
    rate, tick, seconds = 200 * MIB, 0.1, 5
    with Agent() as agent, closing(agent.connect()) as connection:
        device = agent.attach("paced", initial_bytes=2 * rate * seconds)
        agent.go(device, "STOP_COPY")
        connection.request("GET", f"{device}/data?digest=none&max_bytes_per_second={rate}")
        answer = connection.getresponse()
        bins = [0] * int(seconds / tick)
        start = time.monotonic()
        while (at := int((time.monotonic() - start) / tick)) < len(bins):
            bins[at] += len(answer.read1(MIB))
    # The first one is the start.
    shares = sorted(count / (rate * tick) for count in bins[1:])
    yield Figure("rate limit, 100 ms at 200 MiB/s", "of the limit", shares)
    yield Figure("rate limit, most in 100 ms", "of the limit", shares[-1:], "<=", 1.1)
    yield Figure("rate limit, least in 100 ms", "of the limit", shares[:1], ">=", 0.9)


def speeds(name: str, values: dict[str, list[float]]) -> Iterator[Figure]:
    """What was measured, in GB/s."""
    for contender, speed in values.items():
        yield Figure(f"{name}, {contender}", "GB/s", [value / GIGA for value in speed])
