"""The side of a run's process that was started for somebody by a service: it takes the request from its starter, not from the folder."""

from typing import BinaryIO

from tidelab.runs.beneath import MOST_REQUEST_BYTES
from tidelab.runs.errors import RunError
from tidelab.runs.folder import LOG_FILE, RunFolder
from tidelab.runs.log import RunLog
from tidelab.runs.owner import Owner, hold_to, require_no_links
from tidelab.runs.progress import now, write_state


def take_over(folder: RunFolder, request: BinaryIO) -> None:
    """Hold this process to the places of the run's owner, and let the run go by the request that was handed over, checked once more.

    Call it before anything of the run is opened, and before there are other threads.

    Parameters
    ----------
    folder
        The run.
    request
        Holds the request as JSON; what lies in the folder is not read.

    Raises
    ------
    RunError
        When the run may not be executed; its state then says why.
    """
    from tidelab.runs.request import parse_request

    content = request.read(MOST_REQUEST_BYTES + 1)
    # Where this fails nothing is said: the state would be written through the link.
    require_no_links(folder.path, folder.runs_root)
    log = RunLog(folder.path / LOG_FILE)
    try:
        reason = hold_to(folder.runs_root)
        log.write(
            f"Only paths are checked, the kernel does not hold this run to its owner's folders: {reason}."
            if reason
            else "This run can open files of its owner and shared data, and nothing else of this place."
        )
        owner = Owner(folder.runs_root.parent)
        folder.know(owner.to_execute(parse_request(content), folder))
    except ValueError as error:
        raise _refused(
            folder, log, f"The request of this run cannot be read ({error}). Analyse again."
        ) from None
    except RunError as error:
        raise _refused(folder, log, str(error)) from None
    except Exception as error:
        log.error("The run was not begun", error)
        words = f"Something went wrong that should not ({type(error).__name__}); log.txt in the run's folder says what"
        raise _refused(
            folder, log, f"{words}: send it to the maintainers, and start the analysis again."
        ) from None


def _refused(folder: RunFolder, log: RunLog, why: str) -> RunError:
    log.write(f"The run was refused: {why}")
    state = folder.state()
    if state.status != "done":
        update = {"status": "failed", "step": "", "message": why, "finished": now(), "updated": now()}
        write_state(folder.path, state.model_copy(update=update))
    return RunError(why)
