"""Figures in words, for the pages."""


def duration(seconds: float | None) -> str:
    """Say how long, roughly; a dash for what is not known.

    >>> duration(42), duration(600), duration(9000), duration(400_000), duration(None)
    ('42 s', '10 min', '2.5 h', '4.6 days', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def percent(share: float | None) -> str:
    """Say a share from 0 to 1.

    >>> percent(0.371), percent(None)
    ('37%', 'not known')
    """
    return "not known" if share is None else f"{share:.0%}"


def idle_words(use: str, idle_s: float | None) -> str:
    """Say whether something uses a GPU.

    >>> idle_words("", 600), idle_words("a kernel is busy", 0), idle_words("", None)
    ('unused for 10 min', 'counts as in use: a kernel is busy', 'not looked at yet')
    """
    if idle_s is None:
        return "not looked at yet"
    return f"counts as in use: {use}" if use else f"unused for {duration(idle_s)}"


def kind_words(kind: str, profile: str = "") -> str:
    """Say a kind of device.

    >>> kind_words("whole"), kind_words("mig", "1g.10gb")
    ('whole GPUs', 'GPU slices 1g.10gb')
    """
    known = {"whole": "whole GPUs", "shared": "places on shared GPUs", "mig": f"GPU slices {profile}"}
    return known.get(kind, kind)
