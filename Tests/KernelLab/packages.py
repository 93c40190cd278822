"""Debian packages: which the host must have, and others fetched without being installed."""

import functools
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from steps import LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
REQUIRED = Path(__file__).with_name("packages.txt")
ATTEMPTS = 3
BACK_OFF_SECONDS = 5


def check_host() -> None:
    """Refuses to go on while a package of packages.txt is not installed."""
    lines = (line.split("#")[0].strip() for line in REQUIRED.read_text().splitlines())
    wanted = [line for line in lines if line]
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *wanted]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.splitlines()
    missing = [name for name in wanted if f"{name} installed" not in found]
    if missing:
        raise LabError(f"missing Debian packages: {' '.join(missing)} (reasons: {REQUIRED.name})")


def machine_mirror() -> str:
    """The address that this machine's own apt takes its Debian release from."""
    release = dict(re.findall(r"^(\w+)=\"?([^\"\n]*)", Path("/etc/os-release").read_text(), re.M))
    codename = release.get("VERSION_CODENAME", "")
    for address, suites in machine_sources(Path("/etc/apt")):
        if codename in suites:
            return address
    raise LabError(f"no entry for Debian's suite '{codename}' in /etc/apt")


def machine_sources(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every (address, suites) in either of the two formats that apt knows."""
    parts = folder / "sources.list.d"
    for path in [folder / "sources.list", *sorted(parts.glob("*.list"))]:
        text = path.read_text() if path.exists() else ""
        for match in re.finditer(r"^\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", text, re.M):
            yield match[1], [match[2]]
    for path in sorted(parts.glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            # A comment may stand between two fields, an indented line continues the one before.
            kept = re.sub(r"^#.*\n?", "", stanza, flags=re.M)
            pairs = re.findall(r"^([\w-]+):((?:.*(?:\n[ \t].*)*))", kept, re.M)
            fields = {name.lower(): value.split() for name, value in pairs}
            if "deb" in fields.get("types", []) and fields.get("enabled") != ["no"]:
                for address in fields.get("uris", []):
                    yield address, fields.get("suites", [])


class Archive:
    """One suite of the machine's mirror, seen by an apt of its own that installs nothing.

    It lives in a folder that the caller throws away: the mirror's address is in there.
    """

    def __init__(self, suite: str, folder: Path) -> None:
        self.mirror = machine_mirror()
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(
            f"deb [signed-by={KEYRING}] {self.mirror} {suite} main\n"
        )
        settings = {
            "Dir::Etc::SourceList": folder / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State::Lists": folder / "lists",
            # Without it apt would mix in what is installed on the machine.
            "Dir::State::Status": folder / "status",
            "Dir::Cache": folder / "cache",
            # apt's own user may not enter the caller's private folder.
            "APT::Sandbox::User": "root",
        }
        self.options = [f"--option={name}={value}" for name, value in settings.items()]
        self._retry(["apt-get", "--quiet=2", "update"], folder)

    def newest(self, pattern: str) -> Iterator[tuple[str, str]]:
        """The (package, version) pairs whose name matches, the newest version first."""
        prefix = re.split(r"[\\(\[]", pattern)[0]
        names = self._ask("apt-cache", "pkgnames", prefix).split()
        pairs = [
            (name, version)
            for name in names
            if re.fullmatch(pattern, name)
            for version in self.versions(name)
        ]
        order = functools.cmp_to_key(_compare_versions)
        yield from sorted(pairs, key=lambda pair: order(pair[1]), reverse=True)

    def versions(self, name: str) -> list[str]:
        """The versions of a package that this suite offers."""
        lines = self._ask("apt-cache", "madison", name).splitlines()
        return [line.split("|")[1].strip() for line in lines]

    def unpack(self, packages: list[tuple[str, str]], folder: Path) -> None:
        """Downloads packages and unpacks all of them into one folder."""
        debs = folder / "debs"
        debs.mkdir(parents=True)
        exact = [f"{name}={version}" for name, version in packages]
        self._retry(["apt-get", "--quiet=2", "download", *exact], debs)
        for deb in debs.iterdir():
            subprocess.run(["dpkg-deb", "--extract", deb, folder], check=True)
            deb.unlink()

    def _ask(self, tool: str, *arguments: str) -> str:
        """What apt knows already."""
        command = [tool, *self.options, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _retry(self, command: list[str], folder: Path) -> None:
        """Runs an apt command that needs the network, again after a pause when it fails."""
        command = [command[0], *self.options, *command[1:]]
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(BACK_OFF_SECONDS * attempt)
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return
        said = (done.stdout + done.stderr).replace(self.mirror, "MIRROR")
        raise LabError(f"apt failed {ATTEMPTS} times:\n{said.strip()}")


def _compare_versions(left: str, right: str) -> int:
    """Orders two Debian versions by dpkg's rules: -1, 0 or 1."""
    for relation, order in (("lt", -1), ("gt", 1)):
        command = ["dpkg", "--compare-versions", left, relation, right]
        if subprocess.run(command, check=False).returncode == 0:
            return order
    return 0
