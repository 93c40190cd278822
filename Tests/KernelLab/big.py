"""mtty_big, a demanding driver: the kernel's own sample driver mtty with our code built into it.

Nothing of the kernel's source is kept here but the places that our code goes to. What we add is in the
folder `big`: much more state, dirtied while it runs, and faults, all by module parameters.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from steps import LabError, logged, step

NAME = "mtty_big"
SOURCES = sorted(Path(__file__).with_name("big").glob("*.h"))

# What stands in mtty.c exactly once, and what stands there in mtty_big.c.
EDITS = {
    '#define MTTY_CLASS_NAME "mtty"': '#define MTTY_CLASS_NAME "mtty_big"',
    '#define MTTY_NAME       "mtty"': '#define MTTY_NAME "mtty_big"',
    '.name = "mtty",': '.name = "mtty_big",',
    "struct mdev_region_info {":
        '#include "parameters.h"\n#include "content.h"\n#include "session.h"\n'
        "struct mdev_region_info {",
    "u8 disabled:1;": "u8 disabled:1;\nstruct big_session big;",
    "u8 deferred_reset:1;":
        "u8 deferred_reset:1;\nstruct big_content content;\nint number;\n"
        "wait_queue_head_t data_wait;\nstruct delayed_work tick;",
    "static const struct vfio_device_ops mtty_dev_ops;":
        "static const struct vfio_device_ops mtty_dev_ops;\n"
        '#include "device.h"\n#include "saving.h"\n#include "operations.h"',
    # A reset that was asked for happens here.
    "goto again;": "big_reset(mdev_state);\ngoto again;",
    '"mtty_mig", &mtty_save_fops,': '"mtty_mig", big_saving_operations(),',
    ".write = mtty_resume_write,": ".write = big_write,",
    # The walk over the arcs begins with what is due.
    "while (mdev_state->state != new_state) {":
        "big_catch_up(mdev_state);\nwhile (mdev_state->state != new_state) {",
    "ret = mtty_step_state(": "ret = big_step_state(",
    ".migration_get_state = mtty_get_state,": ".migration_get_state = big_get_state,",
    ".migration_get_data_size = mtty_get_data_size,":
        ".migration_get_data_size = big_get_data_size,",
    ".init = mtty_init_dev,": ".init = big_init,",
    ".release = mtty_release_dev,": ".release = big_remove,",
    ".close_device\t= mtty_close,": ".close_device\t= big_close,",
    "&dev_attr_sample_mdev_dev.attr,": "&dev_attr_sample_mdev_dev.attr,\n&dev_attr_big.attr,",
}


def big_driver(sample: str) -> str:
    """The text of mtty_big.c, made from that of mtty.c."""
    for place, text in EDITS.items():
        if sample.count(place) != 1:
            raise LabError(f"mtty.c has {sample.count(place)} times what has to be there once: {place}")
        sample = sample.replace(place, text)
    return sample


def driver(kernel: Path, jobs: int, log: Path) -> Path:
    """The module for this kernel, built now unless it was built from the same sources before."""
    parts = [path.read_bytes() for path in (Path(__file__), *SOURCES)]
    module = kernel / f"{NAME}-{hashlib.sha256(b''.join(parts)).hexdigest()[:12]}.ko"
    if module.exists():
        return module
    with step(f"building {NAME}"), tempfile.TemporaryDirectory(prefix="ferry-lab-") as name:
        folder = Path(name)
        for source in SOURCES:
            shutil.copy(source, folder)
        (folder / f"{NAME}.c").write_text(big_driver((kernel / "mtty.c").read_text()))
        (folder / "Makefile").write_text(f"obj-m := {NAME}.o\nccflags-y := -I$(src)\n")
        # The machine's own compiler; type information would need pahole, and nobody reads it here.
        settings = ["CC=gcc", "CONFIG_DEBUG_INFO_BTF_MODULES="]
        headers = (kernel / "headers").resolve()
        logged(["make", f"-j{jobs}", "-C", headers, f"M={folder}", *settings, "modules"], log)
        beside = module.with_suffix(".new")
        shutil.copyfile(folder / f"{NAME}.ko", beside)
        return beside.rename(module)
