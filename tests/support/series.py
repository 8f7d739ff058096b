"""Small series whose every number can be worked out by hand."""

from collections.abc import Sequence

import pandas as pd

from tidelab.science.effort import Place, mark_effort

OBSEA = Place(41.18212, 1.75257)


def pictures(times: Sequence[str], camera: str = "cam1", quality: str = "") -> pd.DataFrame:
    """Return marked pictures of one camera, named after their times, all with digests of their own."""
    moments = pd.Series(pd.to_datetime(list(times), utc=True)).dt.as_unit("ns")
    names = [f"{camera}_{text}.jpg" for text in times]
    table = pd.DataFrame(
        {
            "picture_id": names,
            "picture": names,
            "camera": camera,
            "time": moments,
            "usable": True,
            "quality": quality,
        }
    )
    return mark_effort(table, OBSEA)


def minutes(start: str, n: int, every: str = "1min") -> list[str]:
    """Return `n` times of a cadence, ISO 8601."""
    return [
        f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in pd.date_range(start, periods=n, freq=every, tz="UTC")
    ]


def objects(rows: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Return objects of (picture, label) with score 0.5."""
    return pd.DataFrame({"picture": [r[0] for r in rows], "label": [r[1] for r in rows], "score": 0.5})
