"""Countries by their two-letter code: what a person's profile and the usage events may hold."""

from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("countries.tsv")


@cache
def countries() -> dict[str, str]:
    """Return ISO 3166-1 alpha-2 code -> usual English name, in the order of the codes (249 officially assigned ones).

    Source: ``iso3166.tab`` of the time zone database (https://www.iana.org/time-zones, public domain).
    """
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return dict(sorted(line.split("\t", 1) for line in lines if not line.startswith("#")))


def country_name(code: str) -> str:
    """Return the name of a country, or the code itself where there is no such country.

    >>> country_name("BE"), country_name("XX")
    ('Belgium', 'XX')
    """
    return countries().get(code, code)


def checked_country(text: str) -> str:
    """Return the code in capitals, or an empty text for an empty one.

    Raises
    ------
    ValueError
        When it is no two-letter code of ISO 3166-1.
    """
    code = text.strip().upper()
    if code and code not in countries():
        raise ValueError(
            f"must be the two-letter code of a country (ISO 3166-1), e.g. BE for Belgium, not {text.strip()[:40]!r}"
        )
    return code
