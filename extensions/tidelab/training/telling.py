"""Errors of a notebook's steps in words: the sentence they carry, without the traceback, which tells most people nothing."""

import functools
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def in_words(step: Callable[P, R]) -> Callable[P, R]:
    """Decorate a step of a notebook: what the toolkit itself refuses is shown as its sentence and the place it comes from.

    The exception is the same, for programs that catch it; ``%tb`` in the next cell shows its whole traceback. What comes out of another
    library, or is a fault of ours (``TypeError``, ``KeyError`` and their like), keeps its traceback: there it is what helps.
    """

    @functools.wraps(step)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return step(*args, **kwargs)
        except (ValueError, RuntimeError) as error:
            place = _place(error.__traceback__)
            if place and "_render_traceback_" not in dir(error):
                words = [f"{error}\n({place})"]
                # IPython asks an exception for this before it writes a traceback.
                error.__dict__["_render_traceback_"] = lambda: words
            raise

    return told


def _place(traceback: TracebackType | None) -> str:
    """Return module and line in which an exception was raised, where that is the toolkit; else an empty text."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    module = str(traceback.tb_frame.f_globals.get("__name__", ""))
    return f"{module}, line {traceback.tb_lineno}" if module.startswith("tidelab.") else ""
