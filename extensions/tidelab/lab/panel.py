"""The panel and the status bar as data: what stands where, in words. Pure; the page draws it and decides nothing.

Times that a person reads on the clock travel as seconds since 1970 beside a text with ``{time}`` in it, for only the browser
knows the person's time zone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tidelab.lab import words
from tidelab.lab.answers import LeaseView, Mine
from tidelab.lab.gpu_section import gpu_section, keep_label, own_lease, recent_notices
from tidelab.lab.gpus import Away
from tidelab.lab.identity import Identity
from tidelab.lab.quota import quota_rows
from tidelab.lab.selftest import SelfTest
from tidelab.run_states import RecentRun

NOTIFICATION_CHARACTERS = 138
"""Lab cuts its notifications at 140; the whole text stands in the panel."""
Level = Literal["", "ok", "busy", "warning", "failed"]


@dataclass(frozen=True)
class Now:
    """Everything the panel is made from, as it was read at one moment.

    Parameters
    ----------
    time
        Seconds since 1970.
    gpus
        State of the service: ``absent``, ``answers`` or ``away``.
    readings
        Time and busy share of this server's lease, oldest first.
    runs
        Runs in progress, each with its words.
    """

    time: float
    who: Identity
    gpus: str
    mine: Mine
    selftest: SelfTest
    readings: Sequence[tuple[float, float]] = ()
    runs: Sequence[tuple[RecentRun, str]] = field(default_factory=tuple)


def panel(now: Now) -> dict[str, Any]:
    """Return what the page draws."""
    lease = own_lease(now.who, now.mine)
    return {
        "item": status_item(now, lease),
        "sections": [
            {
                "id": "server",
                "title": "This server",
                "rows": [
                    _row("Use case", now.who.title),
                    _row("Size", now.who.flavour),
                    _row("Machine", now.who.detail),
                ],
            },
            gpu_section(now, lease),
            _runs(now),
            {
                "id": "quota",
                "title": "Your GPU time",
                "rows": quota_rows(now.mine) if now.gpus == "answers" else [],
            },
            {"id": "links", "title": "Go to", "links": _links(now.who)},
        ],
        "warnings": _warnings(now, lease),
        "notices": _notices(now),
        # With a lease or a ticket a hidden page goes on asking, rarely.
        "holds": bool(lease or now.mine.queued(now.who.server)),
        "gpus": now.gpus,
        "home": f"{now.who.hub}hub/home",
    }


def status_item(now: Now, lease: LeaseView | None) -> dict[str, Any]:
    """Return the line in the status bar: text, level, and a longer title."""
    started_with = now.who.lease.get("devices")
    if lease is not None:
        model = words.models(lease.devices, short=True) or "GPU"
        name = model if "GPU" in model else f"GPU {model}"
        if lease.state == "unknown":
            return _item(
                f"{name} · cannot be seen", "failed", "The driver does not show this server's GPU any more."
            )
        if (test := now.selftest.shown()) and test["level"] == "failed" and now.gpus != Away:
            return _item(f"{name} · test failed", "failed", test["text"])
        if lease.warning is not None:
            return _item(
                f"{name} · given back at {{time}}"
                if lease.warning.release_at
                else f"{name} · given back soon",
                "warning",
                lease.warning.text,
                lease.warning.release_at,
            )
        if now.gpus == Away or lease.busy_share is None:
            return _item(f"{name} · use not known", "", "How busy the GPU is cannot be asked at the moment.")
        level: Level = "busy" if lease.busy_share >= 0.05 else "ok"
        return _item(
            f"{name} · busy {words.percent(lease.busy_share)}", level, "This server's GPU and how busy it is."
        )
    ticket = now.mine.queued(now.who.server)
    if ticket is not None and now.gpus != Away:
        place = (
            f"{words.ordinal(ticket.position)} of {ticket.of}" if ticket.position else f"{ticket.of} waiting"
        )
        return _item(f"GPU: waiting, {place}", "", "This server waits for a GPU.")
    if started_with and now.gpus == "answers":
        return _item(
            "GPU lease ended", "warning", "This server was started with a GPU, and its lease has ended."
        )
    if started_with:
        return _item("GPU · use not known", "", "How busy the GPU is cannot be asked at the moment.")
    return _item("CPU server", "", "This server has no GPU.")


def _item(text: str, level: Level, title: str, time: float | None = None) -> dict[str, Any]:
    return {"text": text, "level": level, "title": title, "time": time}


def _row(term: str, value: str, time: float | None = None) -> dict[str, Any]:
    return {"term": term, "value": value, "time": time}


def _warnings(now: Now, lease: LeaseView | None) -> list[dict[str, Any]]:
    if lease is None or lease.warning is None or now.gpus == Away:
        return []
    when = "It is given back at {time}." if lease.warning.release_at else "It is given back soon."
    why = words.brief(words.reason(lease.warning.text), NOTIFICATION_CHARACTERS - 30)
    return [
        {
            "lease": lease.id,
            "text": f"{why} {when}".strip(),
            "release_at": lease.warning.release_at,
            "keep": keep_label(lease) if lease.can_keep else "",
        }
    ]


def _notices(now: Now) -> list[dict[str, Any]]:
    """Return what happened to this server, the newest first, and a test that failed; the page shows each once."""
    notices = [
        {
            "id": notice.id,
            "when": notice.when,
            "text": words.brief(notice.text, NOTIFICATION_CHARACTERS),
            "level": "",
        }
        for notice in recent_notices(now)
    ]
    test = now.selftest.shown()
    if test and test["level"] in ("warning", "failed"):
        identifier = f"test {now.who.server} {test['checked']}"
        notices.append(
            {
                "id": identifier,
                "when": test["checked"] or now.time,
                "text": words.brief(test["text"], NOTIFICATION_CHARACTERS),
                "level": test["level"],
            }
        )
    return notices


def _runs(now: Now) -> dict[str, Any]:
    items = [
        {
            "title": f"{run.use_case}: {run.run}",
            "words": said,
            "share": run.done / run.total if run.total else None,
        }
        for run, said in now.runs
    ]
    return {
        "id": "runs",
        "title": "Runs in progress",
        "runs": items,
        "note": "" if items else "None at the moment.",
    }


def _links(who: Identity) -> list[Mapping[str, str]]:
    links = [("Home page: use cases, servers, all my runs", "hub/home")]
    if who.app:
        links.append((f"The app: {who.title}", who.app))
    if "mlflow" in who.services:
        links.append(("MLflow: my experiments", "services/mlflow/"))
    if "gpus" in who.services:
        links.append(("My GPU hours", "services/gpus/"))
    return [{"title": title, "url": f"{who.hub}{path}"} for title, path in links]
