"""Runs: (use case, inputs, parameters, model) -> a durable folder, executed in its own process, resumable, cached."""

from tidelab.runs.errors import RunError
from tidelab.runs.executor import Executor, RunHandle, get_executor
from tidelab.runs.folder import RunFolder, list_runs
from tidelab.runs.request import RunRequest, prepare

__all__ = [
    "Executor",
    "RunError",
    "RunFolder",
    "RunHandle",
    "RunRequest",
    "get_executor",
    "list_runs",
    "prepare",
]
