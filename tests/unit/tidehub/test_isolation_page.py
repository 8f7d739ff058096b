"""The isolation page says what the tests try: its table is the tests' own."""

from tests.docker.isolation import __main__ as program
from tests.docker.isolation.table import PAGE, TABLE, with_table


def test_the_page_holds_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run `python -m tests.docker.isolation.table`"
    assert all(f"| {row.way} | {row.tried} | {row.expected} |" in page for row in TABLE)


def test_every_attempt_has_a_row_and_every_row_an_attempt() -> None:
    assert [row.attempt for row in TABLE] == list(dict.fromkeys(row.attempt for row in TABLE))
    assert {row.attempt for row in TABLE} == set(program.ATTEMPTS)
