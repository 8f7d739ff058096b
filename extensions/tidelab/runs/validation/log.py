"""The log of a run's validation."""

from pathlib import Path
from typing import Final

from tidelab.domain.determination import ValidationEvent
from tidelab.runs.append_log import AppendLog, words_of
from tidelab.runs.validation.replay import Replay

__all__ = ["FILE_NAME", "EventLog", "words_of"]

FILE_NAME: Final = "validations.jsonl"


class EventLog(AppendLog[ValidationEvent, Replay]):
    """Reads and extends the validation log of one run.

    Parameters
    ----------
    folder
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / FILE_NAME, ValidationEvent, Replay)
