"""What stands in the panel and in the status bar, for each state a server can be in."""

import json
import time
from typing import Any

import pytest

from tests.support import fake_gpus
from tests.unit.lab.still import Still, result
from tidelab.lab.answers import read_mine
from tidelab.lab.gpu_section import AWAY, ENDED, chart
from tidelab.lab.identity import identity
from tidelab.lab.panel import NOTIFICATION_CHARACTERS, Now, panel
from tidelab.run_states import RecentRun

SLUG = "flowcam-plankton"
T0 = time.time()
LEASE = json.dumps({"id": "lease-1", "devices": [{"id": "GPU-1", "name": "NVIDIA H200"}], "promise": ""})
PANEL = json.dumps(
    {
        "title": "Phytoplankton",
        "flavour": "Large",
        "detail": "4 cores, 1 GPU",
        "app": f"services/apps/{SLUG}/",
        "services": ["apps", "gpus", "mlflow"],
    }
)


def shown(
    answer: dict[str, Any] | None = None,
    *,
    gpus: str = "answers",
    lease: str = "",
    still: Still | None = None,
    **more: Any,
) -> dict[str, Any]:
    variables = {
        "JUPYTERHUB_SERVER_NAME": SLUG,
        "TIDELAB_USECASE": SLUG,
        "TIDELAB_PANEL": PANEL,
        "TIDELAB_LEASE": lease,
        "JUPYTERHUB_BASE_URL": "/",
    }
    mine = read_mine(answer or fake_gpus.mine())
    return panel(Now(T0, identity(variables), gpus, mine, still or Still(), **more))


def part(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(section for section in found["sections"] if section["id"] == name)


def rows(found: dict[str, Any], name: str = "gpu") -> dict[str, str]:
    return {row["term"]: row["value"] for row in part(found, name)["rows"]}


def notes(found: dict[str, Any]) -> list[str]:
    return [note["text"] for note in part(found, "gpu")["notes"]]


WARNED = fake_gpus.lease(**fake_gpus.warned())


@pytest.mark.parametrize(
    ("answer", "gpus", "lease", "text", "level"),
    [
        (fake_gpus.mine(fake_gpus.lease()), "answers", LEASE, "GPU H200 · busy 83 %", "busy"),
        (fake_gpus.mine(fake_gpus.lease(busy_share=0.0)), "answers", LEASE, "GPU H200 · busy 0 %", "ok"),
        (
            fake_gpus.mine(
                fake_gpus.lease(devices=[{"name": "Simulated GPU", "memory_mb": 8192, "index": 0}])
            ),
            "answers",
            LEASE,
            "Simulated GPU · busy 83 %",
            "busy",
        ),
        (
            fake_gpus.mine(fake_gpus.lease(devices=[{"name": "NVIDIA H200"}] * 2)),
            "answers",
            LEASE,
            "GPU 2 × H200 · busy 83 %",
            "busy",
        ),
        (
            fake_gpus.mine(fake_gpus.lease(busy_share=None)),
            "answers",
            LEASE,
            "GPU H200 · use not known",
            "",
        ),
        (fake_gpus.mine(WARNED), "answers", LEASE, "GPU H200 · given back at {time}", "warning"),
        (
            fake_gpus.mine(fake_gpus.lease(state="unknown")),
            "answers",
            LEASE,
            "GPU H200 · cannot be seen",
            "failed",
        ),
        (
            fake_gpus.mine(queue=[{"server": SLUG, "position": 2, "of": 3, "wait_s": None}]),
            "answers",
            "",
            "GPU: waiting, 2nd of 3",
            "",
        ),
        (fake_gpus.mine(), "answers", "", "CPU server", ""),
        (fake_gpus.mine(fake_gpus.lease("another")), "answers", "", "CPU server", ""),
        (fake_gpus.mine(), "absent", "", "CPU server", ""),
        (fake_gpus.mine(), "away", "", "CPU server", ""),
        (fake_gpus.mine(), "answers", LEASE, "GPU lease ended", "warning"),
        (fake_gpus.mine(), "away", LEASE, "GPU · use not known", ""),
        (fake_gpus.mine(), "absent", LEASE, "GPU · use not known", ""),
    ],
)
def test_status_item(answer: dict[str, Any], gpus: str, lease: str, text: str, level: str) -> None:
    item = shown(answer, gpus=gpus, lease=lease)["item"]
    assert (item["text"], item["level"]) == (text, level)


def test_a_lease_in_words() -> None:
    found = shown(
        fake_gpus.mine(fake_gpus.lease(since=T0 - 7500, kept_until=T0 + 600, idle_s=130.0)), lease=LEASE
    )
    assert rows(found) == {
        "Device": "NVIDIA H200, 140 GiB",
        "Yours for": "2 h 5 min, since {time}",
        "Kept": "until {time}, used or not",
        "Not used for": "2 min",
    }
    assert rows(found, "server") == {
        "Use case": "Phytoplankton",
        "Size": "Large",
        "Machine": "4 cores, 1 GPU",
    }
    assert found["holds"]
    assert [action["id"] for action in part(found, "gpu")["actions"]] == ["give-back"]


def test_a_warning_offers_keep_only_within_policy() -> None:
    found = shown(fake_gpus.mine(WARNED), lease=LEASE)
    (warning,) = found["warnings"]
    assert warning["keep"] == "Keep it 1 h more"
    assert [action["label"] for action in part(found, "gpu")["actions"]] == [
        "Keep it 1 h more",
        "Give back now",
    ]
    found = shown(
        fake_gpus.mine(fake_gpus.lease(**fake_gpus.warned(can_keep=False))),
        lease=LEASE,
        still=Still(result(), can_run=True),
    )
    assert found["warnings"][0]["keep"] == ""
    assert [action["id"] for action in part(found, "gpu")["actions"]] == ["give-back", "test"]


def test_a_warning_is_said_in_the_readers_time_zone_and_fits_a_notification() -> None:
    text = f"{'A long reason. ' * 20}It is given back at 10:32: your server then starts again."
    lease = fake_gpus.lease(
        warning={"text": text, "release_at": T0 + 600}, can_keep=True, keep_minutes=30, busy_share=0.0
    )
    found = shown(fake_gpus.mine(lease), lease=LEASE)
    (warning,) = found["warnings"]
    assert warning["text"].startswith("A long reason. ")
    assert warning["text"].endswith("A long reason. It is given back at {time}.")
    assert len(warning["text"]) <= NOTIFICATION_CHARACTERS
    assert warning["release_at"] == T0 + 600
    assert warning["keep"] == "Keep it 30 min more"
    (note,) = part(found, "gpu")["notes"]
    assert "10:32" not in note["text"], "the hub's clock may be in another time zone than the reader's"
    assert note["time"] == T0 + 600
    assert note["text"].endswith(
        "It is given back at {time}: this server then starts again without GPU. Files stay, kernels that run end."
    )


def test_a_service_that_is_away_offers_nothing_and_says_so() -> None:
    found = shown(fake_gpus.mine(WARNED), gpus="away", lease=LEASE)
    assert AWAY in notes(found)
    assert found["warnings"] == []
    assert part(found, "gpu")["actions"] == []
    assert part(found, "quota")["rows"] == []
    assert "Not used for" not in rows(found)


def test_notes() -> None:
    promise = "A promise and not isolation."
    lost = fake_gpus.lease(state="unknown", trouble="nvidia-smi shows no such card.", promise=promise)
    found = shown(fake_gpus.mine(lost, fake_gpus.lease("corals", id="lease-2")), lease=LEASE)
    assert notes(found) == [
        "The driver does not show this GPU any more (nvidia-smi shows no such card). Save your work and test again below; if it "
        "stays away, tell your admin.",
        promise,
        "Also yours: H200 in corals.",
    ]
    assert notes(shown(lease=LEASE)) == [ENDED]
    assert notes(shown(gpus="absent", lease=LEASE)) == ["This hub does not measure how GPUs are used."]
    assert notes(shown(gpus="absent")) == []
    assert rows(shown(gpus="absent")) == {"This server": "no GPU"}


def test_queue_and_quota() -> None:
    found = shown(fake_gpus.mine(queue=[{"server": SLUG, "position": 2, "of": 3, "wait_s": 1250}]))
    assert rows(found) == {"Queue": "2nd of 3; about 20 min to wait"}
    assert found["holds"], "who waits goes on asking"
    assert rows(found, "quota") == {
        "Last 28 days": "5.0 h leased, 2.5 h busy (50 %)",
        "Hours left": "60.0 h of 100 h in 28 days",
        "GPUs at a time": "0 held of 1",
    }
    over = {"gpu_hours": 10.0, "used_hours": 12.0, "days": 28.0}
    assert (
        rows(shown(fake_gpus.mine(quota=over, used={})), "quota").items()
        >= {"Hours left": "0 h of 10.0 h in 28 days"}.items()
    )
    assert rows(shown(fake_gpus.mine(quota={}, used={})), "quota") == {}


def test_notices_are_of_this_server_and_not_old() -> None:
    def notice(name: str, server: str, age_s: float) -> dict[str, Any]:
        return {"id": name, "server": server, "when": T0 - age_s, "text": f"{name} happened"}

    found = shown(
        fake_gpus.mine(
            notices=[notice("new", SLUG, 60), notice("old", SLUG, 90_000), notice("other", "corals", 60)]
        )
    )
    assert [each["id"] for each in found["notices"]] == ["new"]
    assert notes(found) == ["new happened"]
    assert (
        notes(shown(fake_gpus.mine(fake_gpus.lease(), notices=[notice("new", SLUG, 60)]), lease=LEASE)) == []
    )
    long = {**notice("new", SLUG, 60), "text": "Your GPU was given back. " * 20}
    (cut,) = shown(fake_gpus.mine(notices=[long]))["notices"]
    assert len(cut["text"]) <= NOTIFICATION_CHARACTERS
    assert cut["text"].endswith("given back.")


def test_a_failed_test_is_said_once_and_in_the_status_bar() -> None:
    failed = Still(result("failed", "The lease says 1 GPU and TensorFlow sees none."), can_run=True)
    found = shown(fake_gpus.mine(fake_gpus.lease()), lease=LEASE, still=failed)
    assert found["item"]["text"] == "GPU H200 · test failed"
    (notice,) = found["notices"]
    assert notice["level"] == "failed"
    assert notice["id"].endswith("1000.0"), "another test is another notice"
    assert shown(fake_gpus.mine(fake_gpus.lease()), lease=LEASE, still=Still(result()))["notices"] == []


def test_runs_and_links() -> None:
    run = RecentRun(SLUG, "2026-11-20", "running", "Naming images", "", 3, 12, 0, None)
    found = shown(runs=((run, "Naming images (3 of 12 images)"),))
    assert part(found, "runs")["runs"] == [
        {"title": f"{SLUG}: 2026-11-20", "words": "Naming images (3 of 12 images)", "share": 0.25}
    ]
    assert part(shown(), "runs")["note"] == "None at the moment."
    assert [link["url"] for link in part(found, "links")["links"]] == [
        "/hub/home",
        f"/services/apps/{SLUG}/",
        "/services/mlflow/",
        "/services/gpus/",
    ]


def test_the_picture_has_gaps_where_nobody_looked() -> None:
    assert chart([], 0.0) is None
    assert chart([(0.0, 0.5)], 1.0) is None
    found = chart([(0.0, 0.9), (400.0, 0.0), (410.0, 0.25), (600.0, 0.75)], 700.0)
    assert found is not None
    assert found["pieces"] == [[(300.0, 0.0), (290.0, 0.25)], [(100.0, 0.75)]], "the first is too old"
    assert found["text"] == "Busy 75 % now; 33 % on average of 3 readings in the last 5 min."


def test_identity_survives_broken_variables_and_hides_its_token() -> None:
    who = identity({"TIDELAB_PANEL": "[1", "TIDELAB_LEASE": "[]", "JUPYTERHUB_API_TOKEN": "secret"})
    assert (who.title, who.lease, who.services) == ("", {}, ())
    assert "secret" not in repr(who)
    away = identity({"JUPYTERHUB_HOST": "https://hub.example.org", "JUPYTERHUB_BASE_URL": "/"})
    assert away.hub == "https://hub.example.org/", "with a host for each person, links lead to the hub's"
