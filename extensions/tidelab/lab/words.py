"""Durations, sizes, shares and names of cards in words. Pure."""

from collections import Counter
from collections.abc import Sequence

from tidelab.lab.answers import Device


def duration(seconds: float) -> str:
    """Return a duration in words, to the minute.

    >>> duration(20), duration(150), duration(7500), duration(90_000)
    ('less than a minute', '2 min', '2 h 5 min', '1 d 1 h')
    """
    minutes = int(max(0.0, seconds) // 60)
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    if hours < 1:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def percent(share: float) -> str:
    """Return a share of one in percent; only nothing is 0 %, only everything is 100 %.

    >>> percent(0.834), percent(0.0001), percent(0.9999), percent(0.0), percent(1.0)
    ('83 %', '1 %', '99 %', '0 %', '100 %')
    """
    whole = round(100 * share)
    if share > 0:
        whole = max(1, whole)
    if share < 1:
        whole = min(99, whole)
    return f"{whole} %"


def ordinal(number: int) -> str:
    """Return an ordinal.

    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '102nd', '111th']
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def hours(seconds: float) -> str:
    """Return device-seconds as hours.

    >>> hours(0), hours(60), hours(5400), hours(360_000)
    ('0 h', 'less than 0.1 h', '1.5 h', '100 h')
    """
    value = seconds / 3600
    if 0 < value < 0.05:
        return "less than 0.1 h"
    return f"{value:.0f} h" if value >= 99.95 or value == 0 else f"{value:.1f} h"


def memory(memory_mb: int) -> str:
    """Return MiB as GiB; empty where it is not known.

    >>> memory(143_771), memory(512), memory(0)
    ('140 GiB', '0.5 GiB', '')
    """
    if memory_mb <= 0:
        return ""
    value = memory_mb / 1024
    return f"{value:.0f} GiB" if value >= 9.95 else f"{value:.1f} GiB"


def short_model(name: str) -> str:
    """Return a model without its maker.

    >>> short_model("NVIDIA H200"), short_model("NVIDIA A100-SXM4-40GB"), short_model("Simulated GPU 0"), short_model("")
    ('H200', 'A100-SXM4-40GB', 'Simulated GPU 0', '')
    """
    return name.removeprefix("NVIDIA ").removeprefix("GeForce ").strip()


def models(devices: Sequence[Device], *, short: bool = False) -> str:
    """Return what devices are, each model once.

    >>> models([Device("NVIDIA H200"), Device("NVIDIA H200")], short=True)
    '2 × H200'
    """
    named = Counter((short_model(device.name) if short else device.name) or "GPU" for device in devices)
    return ", ".join(name if number == 1 else f"{number} × {name}" for name, number in named.items())


def brief(text: str, limit: int) -> str:
    """Return as many whole sentences as fit, or the beginning of the first.

    >>> brief("Given back at 10:32. Started again. Files stay.", 36)
    'Given back at 10:32. Started again.'
    >>> brief("A sentence that is much too long.", 15)
    'A sentence …'
    """
    if len(text) <= limit:
        return text
    sentences = text[: limit + 1].split(". ")
    if len(sentences) > 1:
        return ". ".join(sentences[:-1]) + "."
    return text[: limit - 1].rpartition(" ")[0] + " …"


def reason(text: str) -> str:
    """Return the sentences of a warning before the one that says when: the page says that itself, in the reader's time zone.

    >>> reason("Nothing has used your GPU for 20 min. 1 person is waiting for one. It is given back at 10:32: files stay.")
    'Nothing has used your GPU for 20 min. 1 person is waiting for one.'
    >>> reason("It is given back at 10:32.")
    ''
    """
    sentences = text.split(". ")
    before = next((n for n, sentence in enumerate(sentences) if "given back" in sentence), len(sentences))
    if before == len(sentences):
        return text
    return ". ".join(sentences[:before]) + "." if before else ""
