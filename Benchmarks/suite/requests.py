"""Small requests: GET and PUT of a state, by wrk, against peers that answer the same bytes."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from measuring import ROUNDS, Figure, ratios
from servers import BUILT, ROOT, Agent, Server, hummingbird, library_hello

CONNECTIONS = (1, 16, 64)
SECONDS = 2
RUNNING = '{"state":"RUNNING"}'


def requests() -> Iterator[Figure]:
    """Requests per second and latencies at 1, 16 and 64 connections."""
    with Agent() as agent:
        device = agent.attach("device")
        state = f"{device}/state"
        answers = [saved("get", agent.ask("GET", state)),
                   saved("put", agent.ask("PUT", state, {"state": "RUNNING"})),
                   saved("page", agent.ask("GET", "/v1/devices"))]
        with library_hello(*answers) as library, \
                hummingbird(state, answers[0].read_text()) as nio:
            servers = {"ferry": agent, "library": library, "hummingbird": nio}
            for count in CONNECTIONS:
                yield from gets(servers, state, count)
            del servers["hummingbird"]
            for count in CONNECTIONS:
                yield from puts(servers, state, count)


def saved(name: str, answer: object) -> Path:
    """An answer of the agent's, for a peer to give."""
    path = BUILT / f"{name}.json"
    path.write_text(json.dumps(answer, separators=(",", ":")))
    return path


def gets(servers: dict[str, Server], state: str, count: int) -> Iterator[Figure]:
    """GET state."""
    rates, latencies = loads(servers, state, count, "GET")
    at = f"GET state at {count}"
    for name, values in rates.items():
        yield Figure(f"{at}, {name}", "requests/s", values)
    yield Figure(f"{at}, p99, ferry", "µs", latencies["ferry"])
    library, nio = (ratios(rates["ferry"], rates[peer]) for peer in ("library", "hummingbird"))
    if count == 64:
        yield Figure(f"{at}, ferry / library", "", library, ">=", 0.8)
        yield Figure(f"{at}, ferry / hummingbird", "", nio, ">=", 1.3)
    else:
        yield Figure(f"{at}, ferry / library", "", library)
        bar = (">=", 2.3) if count == 1 else ("", 0.0)
        yield Figure(f"{at}, ferry / hummingbird", "", nio, *bar)


def puts(servers: dict[str, Server], state: str, count: int) -> Iterator[Figure]:
    """PUT state to the state that the device is in."""
    rates, latencies = loads(servers, state, count, "PUT", RUNNING)
    at = f"PUT state at {count}"
    for name in servers:
        yield Figure(f"{at}, {name}", "requests/s", rates[name])
        yield Figure(f"{at}, p99, {name}", "µs", latencies[name])
    bar = ("<=", 1.5) if count == 16 else ("", 0.0)
    yield Figure(
        f"{at}, p99, ferry / library", "", ratios(latencies["ferry"], latencies["library"]), *bar)


def loads(
    servers: dict[str, Server], path: str, connections: int, *request: str
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Requests per second and the 99th percentile of the latencies in µs, measured in turn."""
    rates: dict[str, list[float]] = {name: [] for name in servers}
    latencies: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(ROUNDS):
        order = list(servers)
        for name in order if number % 2 else reversed(order):
            rate, latency = load(servers[name], path, connections, *request)
            rates[name].append(rate)
            latencies[name].append(latency)
    return rates, latencies


def load(server: Server, path: str, connections: int, *request: str) -> tuple[float, float]:
    """One run of wrk, in which nothing may fail."""
    run = subprocess.run(
        ["wrk", f"--connections={connections}", f"--threads={min(2, connections)}",
         f"--duration={SECONDS}s", "--script", ROOT / "Benchmarks/peers/wrk.lua",
         server.url + path, "--", *request], capture_output=True, text=True, check=True)
    line = next(line for line in run.stdout.splitlines() if line.startswith("measured "))
    count, duration, _, p99, errors = (float(word) for word in line.split()[1:])
    assert errors == 0 and count > 0, run.stdout
    return count / duration * 1e6, p99
