"""Checks the house rules that a machine can see: sizes, exceptions with their reasons, links."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE = 400
LONGEST_README = 250
MOST_UNCHECKED = 3
# Words that promise work instead of doing it, and ways to keep a test from running.
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|fatalError\(")
SILENCED = re.compile(r"\.disabled\(|\.enabled\(if:|withKnownIssue|pytest\.(mark\.)?(skip|xfail)")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


def tracked(*patterns: str) -> list[Path]:
    """The files of the project, those that are not committed yet included."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    return [path for line in listing.stdout.splitlines() if (path := ROOT / line).is_file()]


def code() -> list[Path]:
    """Swift, C and Python."""
    return tracked("*.swift", "*.c", "*.h", "*.py")


def sizes() -> Iterator[str]:
    """Files that are too long to be read at a sitting."""
    for path in code():
        lines = path.read_text().count("\n")
        if lines > LONGEST_FILE:
            yield f"{path.relative_to(ROOT)}: {lines} lines, at most {LONGEST_FILE}"
    lines = (ROOT / "README.md").read_text().count("\n")
    if lines > LONGEST_README:
        yield f"README.md: {lines} lines, at most {LONGEST_README}"


def exceptions() -> Iterator[str]:
    """Exceptions from the rules without their reason, or too many of them."""
    unchecked = 0
    for path in tracked("Sources/*.swift"):
        name = path.relative_to(ROOT)
        text = path.read_text()
        unchecked += text.count("@unchecked Sendable")
        if ("@unchecked Sendable" in text or "nonisolated(unsafe)" in text) and "SAFETY" not in text:
            yield f"{name}: an exception from concurrency checking without // SAFETY:"
        if re.search(r"^\s*@safe\b.*\b(class|struct|enum)\b", text, re.M) and "SAFETY" not in text:
            yield f"{name}: a @safe type without // SAFETY:"
        if "Unmanaged" in text and path.name != "OpaqueReference.swift":
            yield f"{name}: Unmanaged outside OpaqueReference.swift"
    if unchecked > MOST_UNCHECKED:
        yield f"Sources: @unchecked Sendable {unchecked} times, at most {MOST_UNCHECKED}"


def marks() -> Iterator[str]:
    """Promises in the code, and tests that do not run."""
    for path in code():
        name = path.relative_to(ROOT)
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if UNFINISHED.search(line):
                yield f"{name}:{number}: unfinished: {line.strip()}"
            if name.parts[0] == "Tests" and SILENCED.search(line):
                yield f"{name}:{number}: a test that may not run: {line.strip()}"


def links() -> Iterator[str]:
    """Links in the documents that lead nowhere."""
    for path in tracked("*.md"):
        for target, _ in LINK.findall(path.read_text()):
            if "://" not in target and not (path.parent / target).exists():
                yield f"{path.relative_to(ROOT)}: the link to {target} leads nowhere"


def main() -> int:
    """Prints what is wrong; succeeds if nothing is."""
    found = [*sizes(), *exceptions(), *marks(), *links()]
    print("\n".join(found) if found else "house: every rule is kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
