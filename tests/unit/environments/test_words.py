"""What people and programs read: progress and failures."""

import io
import json

import pytest

from tidelab.environments.failures import explain, redact
from tidelab.environments.progress import STEPS, Progress, reporter

NO_NETWORK = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': Failed to establish a new connection: "
    "[Errno -3] Temporary failure in name resolution')': /simple/numpy/\n"
    "ERROR: Could not find a version that satisfies the requirement numpy==2.1.3 (from versions: none)\n"
    "ERROR: No matching distribution found for numpy==2.1.3\n"
)


@pytest.mark.parametrize(
    ("output", "what", "remedy"),
    [
        (NO_NETWORK, "cannot be reached", "check the network"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n", "disk is full", "TIDELAB_STATE"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n", "SHA-256 differs", "pip cache purge"),
        ("ERROR: No matching distribution found for tensorflow-cpu==2.21.0\n", "offers no build", "Python 3.11 or 3.12"),
        ("ERROR: HTTP error 403 while getting x\nERROR: 403 Client Error: Forbidden\n", "refuses us", "login or token"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "certificate is not trusted", "PIP_CERT"),
        ("[Errno 13] Permission denied: '/srv/tidelab'", "cannot be written", "TIDELAB_STATE"),
        ("npm error code ENOTFOUND\nnpm error network request failed\n", "cannot be reached", "network"),
        ("npm error code EINTEGRITY\n", "SHA-256 differs", "registry"),
        ("Collecting x\n\nKilled", "out of memory", "close other programs"),
        ("Collecting x\nERROR: the moon is in the wrong phase\nsome trailer\n", "the moon is in the wrong phase.", "full output"),
        ("", "without a word", "full output"),
    ],
)  # fmt: skip
def test_output_becomes_what_failed_and_what_to_do(output, what, remedy):
    said, advice = explain(output)
    assert what in said
    assert remedy in advice


def test_credentials_never_reach_a_person_or_a_log():
    said, _ = explain("ERROR: bad answer from https://ada:s3cret@packages.example.org/simple/x\n")
    assert "s3cret" not in said
    assert redact("http://a:b@h/ and http://h/") == "http://***@h/ and http://h/"


def test_share_never_goes_back_and_ends_at_one():
    path = [
        Progress("e", step, "m", done, 7)
        for step in STEPS
        for done in range(8)
        if step not in ("wait", "done")
    ]
    fractions = [progress.fraction for progress in path]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert Progress("e", "done", "m").fraction == 1.0


def test_json_is_one_record_a_line():
    out = io.StringIO()
    report = reporter("json", out)
    report(Progress("lab", "fetch", "fetching numpy (3 of 6)", 3, 6))
    report(Progress("lab", "done", "ready"))
    first, last = (json.loads(line) for line in out.getvalue().splitlines())
    assert (first["environment"], first["done"], first["total"], first["message"]) == (
        "lab",
        3,
        6,
        "fetching numpy (3 of 6)",
    )
    assert 0 < first["fraction"] < last["fraction"] == 1.0


def test_log_gets_few_lines_and_terminal_one():
    many = [Progress("lab", "fetch", f"fetching {n}", n, 100) for n in range(100)] + [
        Progress("lab", "done", "ready")
    ]
    log, terminal = io.StringIO(), io.StringIO()
    for report in (reporter("auto", log), reporter("terminal", terminal)):
        for progress in many:
            report(progress)
    assert len(log.getvalue().splitlines()) == 2
    assert "\r" not in log.getvalue()
    assert terminal.getvalue().count("\n") == 1
    assert "100%" in terminal.getvalue().splitlines()[-1]
