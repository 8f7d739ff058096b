"""What a person uses of what they may, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidehub.disk import HomeUse, gb_words, in_gb
from tidehub.quotas import RunningServer, source_words
from tidelab.leases.model import Quota


@dataclass(frozen=True)
class UseLine:
    """One thing that is limited, or could be; `limit` is None where it is not."""

    title: str
    used: float
    limit: float | None
    words: str
    source: str

    @property
    def state(self) -> str:
        """``over``, ``near`` (from 80 %) or empty."""
        if self.limit is None:
            return ""
        return "over" if self.used > self.limit else "near" if self.used >= 0.8 * self.limit > 0 else ""


def use_lines(
    quota: Quota, running: Sequence[RunningServer], home: HomeUse, disk_gb: float | None
) -> list[UseLine]:
    """Return the lines of one person.

    Parameters
    ----------
    quota
        Limits, GPU hours used and GPUs held.
    running
        Their servers.
    home
        Their files, as last measured.
    disk_gb
        What their files may take (`tidehub.quotas.home_limit`); None: any amount.
    """
    memory = sum(server.memory_gb for server in running)
    return [
        _line(
            f"GPU hours in {quota.days:g} days",
            quota.used_hours,
            quota.gpu_hours,
            quota,
            "gpu_hours",
            "{:.1f}",
        ),
        _line("GPUs now", quota.holds, quota.gpus, quota, "gpus"),
        _line("Servers now", len(running), quota.servers, quota, "servers"),
        _line("Memory of them", memory, quota.memory_gb, quota, "memory_gb", "{:g} GB"),
        UseLine(
            "Files",
            home.total / 1e9,
            disk_gb,
            in_gb(home.total) + (f" of {gb_words(disk_gb)}" if disk_gb else " (no limit)"),
            source_words(quota, "disk_gb") or ("the hub's setting" if disk_gb else ""),
        ),
    ]


def _line(
    title: str, used: float, limit: float | None, quota: Quota, field: str, form: str = "{:g}"
) -> UseLine:
    if limit is None:
        return UseLine(title, used, None, f"{form.format(used)} (no limit)", "")
    of = f"{form.removesuffix(' GB').format(used)} of {limit:g}{' GB' if form.endswith(' GB') else ''}"
    return UseLine(title, used, limit, of, source_words(quota, field))
