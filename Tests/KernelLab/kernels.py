"""Kernels ready to boot: built once per recipe and version, kept in the user's cache."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import big
import newest
import stock
from packages import Archive, check_host
from steps import say, step

RECIPES = {"stock": stock, "newest": newest}
# A change in any of them, but for comments, builds the tier anew. /init is packed at every run.
INGREDIENTS = {
    "stock": [Path(stock.__file__)],
    "newest": [Path(newest.__file__), newest.FRAGMENT],
}


@dataclass(frozen=True)
class Kernel:
    """A bootable kernel of one tier, with the driver of ours that it is to load."""

    tier: str
    folder: Path
    driver: Path | None = None

    @property
    def image(self) -> Path:
        """The uncompressed kernel, which QEMU enters directly."""
        return self.folder / "vmlinux"

    @property
    def modules(self) -> list[Path]:
        """What /init has to load, in the order of their names; none when all of it is built in."""
        own = [self.driver] if self.driver else []
        return [*sorted((self.folder / "modules").glob("*.ko")), *own]


def ready(tier: str, jobs: int, driver: str = "mtty", update: bool = False) -> Kernel:
    """The tier's kernel, built now unless the cache has one of the same recipe, and the driver.

    No question goes to the archive as long as the cache has any: a run works without a network,
    and a release of Debian's in the middle of the day costs nobody a build. `update` asks.
    """
    check_host()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ferry/kernel-lab"
    cache.mkdir(parents=True, exist_ok=True)
    text = re.sub(r"(?m)^\s*#.*\n", "", "".join(path.read_text() for path in INGREDIENTS[tier]))
    prefix = f"{tier}-{hashlib.sha256(text.encode()).hexdigest()[:12]}-"
    with _locked(cache / f"{tier}.lock"):
        built = sorted(cache.glob(f"{prefix}*"), key=lambda folder: folder.stat().st_mtime)
        log = cache / f"{tier}.log"
        folder = built[-1] if built and not update else _build(tier, cache, prefix, jobs, log)
        own = big.driver(folder, jobs, log) if driver == big.NAME else None
        return Kernel(tier, folder, own)


def _build(tier: str, cache: Path, prefix: str, jobs: int, log: Path) -> Path:
    """Downloads and builds in a folder beside, which gets its name only when it is complete."""
    recipe = RECIPES[tier]
    scratch = f"build-{tier}-"
    for left_behind in cache.glob(f"{scratch}*"):
        shutil.rmtree(left_behind)
    log.write_text("")
    with tempfile.TemporaryDirectory(prefix=scratch, dir=cache) as work:
        apt, tree, folder = (Path(work, name) for name in ("apt", "tree", "kernel"))
        folder.mkdir()
        with step(f"asking {recipe.SUITE} for packages"):
            apt.mkdir()
            archive = Archive(recipe.SUITE, apt)
            version, names = recipe.choose(archive)
        say(f"{tier} is {version}: {' '.join(names)}")
        final = cache / f"{prefix}{version}"
        if final.exists():
            return final
        with step(f"downloading and unpacking {len(names)} packages"):
            archive.unpack([(name, version) for name in names], tree)
        recipe.build(tree, folder, jobs, log)
        return folder.rename(final)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keeps a second lab from building the same tier at the same time."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another lab that works on {path.stem}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
