"""Makes openapi.json from openapi.yaml, or says whether it is up to date."""

import argparse
import json
import sys
from pathlib import Path

from document import DocumentError, load

FOLDER = Path(__file__).resolve().parents[2] / "openapi"


def rendered(source: Path) -> str:
    """The JSON form: members in the order of the YAML, a newline at the end."""
    return json.dumps(load(source), indent=1, ensure_ascii=False) + "\n"


def first_difference(left: str, right: str) -> int:
    """The number of the first line in which two texts differ."""
    pairs = zip(left.splitlines(), right.splitlines())
    same = next((number for number, (a, b) in enumerate(pairs) if a != b), None)
    return (min(left.count("\n"), right.count("\n")) if same is None else same) + 1


def main() -> int:
    """Writes the JSON, or with --check only compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    options = parser.parse_args()
    target = FOLDER / "openapi.json"
    try:
        wanted = rendered(FOLDER / "openapi.yaml")
    except DocumentError as error:
        print(f"openapi.yaml: {error}", file=sys.stderr)
        return 1
    if not options.check:
        target.write_text(wanted, encoding="utf-8")
        return 0
    present = target.read_text(encoding="utf-8") if target.is_file() else ""
    if present == wanted:
        print("openapi.json is what openapi.yaml says")
        return 0
    line = first_difference(present, wanted)
    print(
        f"openapi.json differs from openapi.yaml, first in line {line}: run `make openapi`",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
