"""Which face a notebook is shown with."""

import os
from collections.abc import Mapping
from typing import Literal

Face = Literal["lab", "app", "report"]


def current_face(environ: Mapping[str, str] | None = None) -> Face:
    """Return the face this kernel serves.

    ``TIDELAB_FACE=report`` is set by ``tidelab report``; ``VOILA_BASE_URL`` is set by Voila; anything else is Lab.
    """
    env = os.environ if environ is None else environ
    if env.get("TIDELAB_FACE") == "report":
        return "report"
    return "app" if "VOILA_BASE_URL" in env else "lab"
