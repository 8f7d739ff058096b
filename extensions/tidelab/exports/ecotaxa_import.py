"""A zip into a project of EcoTaxa: checked before, followed while, compared after.

The comparison is the point: an import that says *finished* is believed when number and names of the objects in EcoTaxa are those of the table.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tidelab.exports.ecotaxa_server import EcotaxaServer, EcotaxaServerError, Job
from tidelab.formats.ecotaxa import read_bundle, validate

POLL_S: Final = 2.0
LONGEST_S: Final = 6 * 3600.0
TRIES: Final = 10
"""So many requests in a row may fail in passing."""
_LONGEST_WAIT_S: Final = 300.0
_NAMED: Final = 5


@dataclass(frozen=True)
class Question:
    """What a job asks: names that EcoTaxa cannot match.

    Parameters
    ----------
    users, taxa
        Persons and categories as the table writes them (EcoTaxa asks for categories in small letters).
    """

    users: tuple[str, ...] = ()
    taxa: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """Numbers in EcoTaxa of the names it asked for."""

    users: Mapping[str, int] = field(default_factory=dict)
    taxa: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Recheck:
    """The objects of a table, compared with those of a project.

    Parameters
    ----------
    expected, found
        Objects of the table, and objects of its acquisitions in the project.
    missing, strange, doubled
        ``acquisition: object`` that the project lacks, has besides, or has more than once.
    """

    expected: int
    found: int
    missing: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether number and set are equal."""
        return self.expected == self.found and not (self.missing or self.strange or self.doubled)

    @property
    def words(self) -> str:
        """What a person reads."""
        if self.agrees:
            return f"All {self.expected} objects of the table are in the project, and no others in their acquisitions."
        parts = [f"The table has {self.expected} objects, the project {self.found} in the same acquisitions."]
        for title, names in (
            ("Missing", self.missing),
            ("Not of this table", self.strange),
            ("More than once", self.doubled),
        ):
            if names:
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                parts.append(f"{title}: {', '.join(names[:_NAMED])}{more}.")
        return " ".join(parts)


Asked = Callable[[Question], Answers]
Told = Callable[[Job], None]


def objects_of(path: Path) -> dict[str, set[str]]:
    """Return acquisition -> object ids of a bundle (zip or folder)."""
    found: dict[str, set[str]] = {}
    with read_bundle(path) as bundle:
        for table in bundle.tables:
            for row in table.rows():
                found.setdefault(row.get("acq_id"), set()).add(row.get("object_id"))
    return found


def check_bundle(path: Path) -> None:
    """Raise `EcotaxaServerError` with the first faults when EcoTaxa would refuse a bundle."""
    errors = [fault for fault in validate(path) if fault.severity == "error"]
    if errors:
        raise EcotaxaServerError(
            f"{path.name} was not sent: EcoTaxa would refuse it ({len(errors)} errors). {' '.join(str(one) for one in errors[:3])} "
            "See all with: tidelab check-ecotaxa"
        )


def start(server: EcotaxaServer, path: Path, project: int, *, skip_existing: bool = False, update: bool = False,
          progress: Callable[[int, int], None] | None = None) -> int:  # fmt: skip
    """Check a bundle, upload it and start the import; return the number of the job.

    Parameters
    ----------
    server, path, project
        Where to, what, and the project's number.
    skip_existing
        Leave out objects that the project has already, e.g. to go on after an import that ended half-way.
    update
        Change the objects that are there instead of adding new ones.
    """
    check_bundle(path)
    return server.start_import(
        project, server.upload(path, progress), skip_existing=skip_existing, update=update
    )


def follow(server: EcotaxaServer, job_id: int, ask: Asked, tell: Told = lambda _: None, *, poll_s: float = POLL_S,
           longest_s: float = LONGEST_S) -> Job:  # fmt: skip
    """Wait for the end of a job and answer what it asks.

    Parameters
    ----------
    ask
        Returns the answers to a question; may raise. A name without an answer is an error, never a guess.
    tell
        Called with the job after each look.

    A look that fails in passing (no answer, 502, ...) is repeated, `TRIES` times in a row with longer and longer waits, about 18 minutes.

    Raises
    ------
    EcotaxaServerError
        When the job ends with errors, asks the same again after an answer, takes longer than `longest_s`, or cannot be looked at.
    """
    until = time.monotonic() + longest_s
    given: dict[Question, Answers] = {}
    sent: set[Question] = set()
    job, failures = Job(job_id, "P"), 0
    while True:
        try:
            job = server.job(job_id)
            tell(job)
            if job.state == "A":
                _answer(server, job, ask, given, sent)
            failures = 0
        except EcotaxaServerError as error:
            failures += 1
            wait = _wait(error, failures, poll_s, f"{error} {_again(job_id)}")
            tell(replace(job, message=f"{error} Asked again in {wait:.0f} s ({failures} of {TRIES})."))
            time.sleep(wait)
            continue
        if job.state == "F":
            return job
        if job.state == "E":
            raise EcotaxaServerError(
                f"Job {job_id} of EcoTaxa ended with errors: {_listed(job.errors) or job.message}"
            )
        if job.state != "A" and time.monotonic() > until:
            raise EcotaxaServerError(
                f"Job {job_id} is not over after {longest_s / 60:.0f} minutes. {_again(job_id)}"
            )
        time.sleep(poll_s)


def _answer(
    server: EcotaxaServer, job: Job, ask: Asked, given: dict[Question, Answers], sent: set[Question]
) -> None:
    question = _question(job)
    if question in sent:
        raise EcotaxaServerError(
            f"Job {job.job_id} asks again for {_listed((*question.users, *question.taxa))}: EcoTaxa does not know the numbers it was "
            "given. Answer it in EcoTaxa."
        )
    # A person is asked once, even where the answer did not reach EcoTaxa the first time.
    if question not in given:
        given[question] = ask(question)
    answers = given[question]
    _complete(question, answers, job.job_id)
    server.answer(job.job_id, answers.users, answers.taxa)
    sent.add(question)


def _wait(error: EcotaxaServerError, failures: int, poll_s: float, words: str, tries: int = TRIES) -> float:
    """Return the seconds until the next try after so many failures in a row; raise what is not passing, and the last with `words`."""
    if not error.passing:
        raise error
    if failures > tries:
        raise EcotaxaServerError(words) from None
    return min(poll_s * 2.0**failures, _LONGEST_WAIT_S)


def _again(job_id: int) -> str:
    return f"The import goes on in EcoTaxa without you. Follow it again with: tidelab ecotaxa follow {job_id} RUN --project NUMBER"


def recheck(
    server: EcotaxaServer, path: Path, project: int, *, poll_s: float = POLL_S, tries: int = 0
) -> Recheck:
    """Compare the objects of a bundle with those of its acquisitions in a project.

    Parameters
    ----------
    tries
        How often what fails in passing is asked again, with longer and longer waits from `poll_s` on.
    """
    failures = 0
    while True:
        try:
            return compare(objects_of(path), server.objects(project))
        except EcotaxaServerError as error:
            failures += 1
            if not tries:
                raise
            words = f"{error} The import is over, and not compared. Compare with: tidelab ecotaxa check RUN --project {project}"
            time.sleep(_wait(error, failures, poll_s, words, tries))


def compare(table: Mapping[str, set[str]], project: Mapping[str, Sequence[str]]) -> Recheck:
    """Compare acquisition -> objects of a table with those of a project; other acquisitions of the project do not matter.

    >>> compare({"a": {"1", "2"}}, {"a": ["1", "3"], "b": ["9"]}).words
    'The table has 2 objects, the project 2 in the same acquisitions. Missing: a: 2. Not of this table: a: 3.'
    """
    missing, strange, doubled = [], [], []
    found = 0
    for acquisition, expected in table.items():
        there = Counter(project.get(acquisition, ()))
        found += there.total()
        missing += [f"{acquisition}: {name}" for name in sorted(expected - set(there))]
        strange += [f"{acquisition}: {name}" for name in sorted(set(there) - expected)]
        doubled += [f"{acquisition}: {name}" for name, n in sorted(there.items()) if n > 1]
    return Recheck(sum(map(len, table.values())), found, tuple(missing), tuple(strange), tuple(doubled))


def _question(job: Job) -> Question:
    def names(key: str) -> tuple[str, ...]:
        found = job.question.get(key)
        return tuple(str(name) for name in found) if isinstance(found, list) else ()

    question = Question(names("missing_users"), names("missing_taxa"))
    if not question.users and not question.taxa:
        raise EcotaxaServerError(
            f"Job {job.job_id} asks something that is not understood here ({job.message}). Answer it in EcoTaxa."
        )
    return question


def _complete(question: Question, answers: Answers, job_id: int) -> None:
    open_ = [f"person {name!r}" for name in question.users if name not in answers.users]
    open_ += [f"category {name!r}" for name in question.taxa if name not in answers.taxa]
    if open_:
        raise EcotaxaServerError(
            f"Job {job_id} waits in EcoTaxa for {_listed(open_)}. Answer it there, or import again with --user NAME=NUMBER and --taxon "
            "NAME=NUMBER."
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
