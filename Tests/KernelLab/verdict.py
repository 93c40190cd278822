"""What a finished run is worth: the status the guest left, and what its kernel complained about."""

import re
from pathlib import Path

from steps import LabError, tail

# Each begins a line of the kernel's log, behind the time and for some behind a subsystem's name.
COMPLAINT = re.compile(
    r"^(?:\[[ .\d]+\] )?(?:[\w-]+: )?"
    r"(?:WARNING: |BUG: |Oops: |kernel BUG at |Kernel panic - |UBSAN: |Call Trace:"
    r"|INFO: task .* blocked for more than |-+\[ cut here \]-+)"
)
CONTEXT_LINES = 40
# Bits of /proc/sys/kernel/tainted that a sane kernel never sets, whatever its messages look like.
BAD_TAINTS = {4: "machine check", 5: "bad page", 7: "oops", 9: "warning", 14: "soft lockup"}


class Evidence:
    """The files that a run leaves behind."""

    def __init__(self, folder: Path) -> None:
        self.kernel_log = folder / "kernel.log"
        self.machine_log = folder / "machine.log"
        self.status = folder / "share/status"

    def exit_status(self) -> int:
        """The command's own exit status, or an error when this run must not count."""
        # The command has no path to this file: it lies outside its root folder.
        text = self.status.read_text() if self.status.exists() else ""
        report = re.fullmatch(r"(\d+) (\d+)\n", text)
        status, taints = (int(report[1]), int(report[2])) if report else (None, 0)
        marks = [name for bit, name in BAD_TAINTS.items() if taints >> bit & 1]
        complaint = self.complaint()
        if complaint or marks:
            what = f"the guest's kernel complained ({', '.join(marks) or 'no taint'})"
            raise LabError(f"{what}; exit status {status} does not count\n{complaint}")
        if status is None:
            raise LabError(f"the guest ended without an exit status\n{self.last_words()}")
        return status

    def complaint(self) -> str:
        """The kernel's log from its first complaint on, or nothing."""
        lines = self._kernel_lines()
        first = next((n for n, line in enumerate(lines) if COMPLAINT.match(line)), len(lines))
        return "\n".join(lines[first : first + CONTEXT_LINES])

    def last_words(self) -> str:
        """What the kernel and QEMU said in the end."""
        kernel = tail(self.kernel_log).replace("\r", "")
        return f"{kernel}\n{tail(self.machine_log)}".strip()

    def _kernel_lines(self) -> list[str]:
        """The kernel's log; QEMU writes it while it runs, so it may end in the middle of a line."""
        text = self.kernel_log.read_text(errors="replace") if self.kernel_log.exists() else ""
        return text.replace("\r", "").splitlines()
