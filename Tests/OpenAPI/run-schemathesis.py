"""Runs schemathesis against an agent of its own, by the document that the agent serves.

The document is read from openapi/, so that the operations that serve it are run as well.

FERRY names the agent's binary. Arguments go on to `schemathesis run`.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "openapi/openapi.yaml"
LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
START_SECONDS = 30
END_SECONDS = 60


class Failure(Exception):
    """Something besides the API itself went wrong."""


def address(agent: subprocess.Popen[bytes], log: IO[str]) -> str:
    """Where the agent listens, once its log says so."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and agent.poll() is None:
        log.seek(0)
        if match := LISTENING.search(log.read()):
            return match.group(1)
        time.sleep(0.05)
    raise Failure("the agent does not listen")


@contextmanager
def agent_at_work(binary: Path) -> Iterator[str]:
    """An agent with simulated devices, ended by SIGTERM; yields its URL.

    Fails if it died on the way or did not end well; then its log is printed.
    """
    command = [str(binary), "serve", "--listen", "127.0.0.1:0", "--simulate", "4"]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        tempfile.TemporaryDirectory() as state,
    ):
        command += ["--state-directory", state]
        agent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        try:
            yield f"http://{address(agent, log)}"
            died = agent.poll()
            agent.terminate()
            ended = agent.wait(END_SECONDS)
            if died is not None or ended != 0:
                raise Failure(f"the agent {'died' if died is not None else 'ended'} with {ended}")
        except (Failure, subprocess.TimeoutExpired):
            log.seek(0)
            sys.stderr.writelines(log.readlines()[-40:])
            raise
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.wait()


def check_served(url: str) -> None:
    """The agent serves the very files that are in openapi/."""
    for path in (DOCUMENT, DOCUMENT.with_suffix(".json")):
        with urllib.request.urlopen(f"{url}/v1/{path.name}", timeout=10) as response:
            if response.read() != path.read_bytes():
                raise Failure(f"the agent serves another {path.name} than the one in openapi/")


def run_schemathesis(url: str, arguments: list[str]) -> int:
    """Runs it where its configuration is, with the interpreter's own copy."""
    tool = Path(sys.executable).parent / "schemathesis"
    command = [str(tool), "run", str(DOCUMENT), "--url", url, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def main() -> int:
    """The status of schemathesis, or 1 if the agent failed."""
    binary = os.environ.get("FERRY")
    if not binary:
        print("FERRY must name the agent's binary", file=sys.stderr)
        return 2
    try:
        with agent_at_work(Path(binary).resolve()) as url:
            check_served(url)
            status = run_schemathesis(url, sys.argv[1:])
    except (Failure, OSError, subprocess.TimeoutExpired) as error:
        print(f"run-schemathesis: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
