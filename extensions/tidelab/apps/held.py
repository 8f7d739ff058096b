"""Whether this machine can hold the apps' kernels to their visitors' folders: asked once by their server, whose log an administrator reads."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tidelab.runs.landlock import confine


def why_nobody_is_held() -> str:
    """Return why not, in a few words; empty where it can. The calling process keeps all its rights."""
    # In a thread of its own, which is held, if it can be, and ends.
    with ThreadPoolExecutor(1, "probe") as apart:
        return apart.submit(confine, [Path("/")], []).result()
