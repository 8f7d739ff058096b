"""The part of the panel about this server's GPU: lease, use, queue, start-up test, what can be done."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tidelab.lab import words
from tidelab.lab.answers import LeaseView, Mine, NoticeView
from tidelab.lab.gpus import HISTORY_S, Absent, Away
from tidelab.lab.identity import Identity

if TYPE_CHECKING:
    from tidelab.lab.panel import Now

AWAY = "The hub's service for GPUs does not answer at the moment; it is asked again by itself. Your work goes on."
ENDED = "The lease this server was started with has ended, so its GPU may be somebody else's now. Stop this server on the home page and start it again to get one."
RELEASED = "this server then starts again without GPU. Files stay, kernels that run end."
NOTICE_S = 86_400.0
"""What happened longer ago is said on the page of one's GPU hours alone."""
GAP_S = 90.0
"""Readings further apart than this are not joined by a line: nobody looked in between."""


def own_lease(who: Identity, mine: Mine) -> LeaseView | None:
    """Return the lease of this server."""
    return mine.lease_of(who.server)


def gpu_section(now: "Now", lease: LeaseView | None) -> dict[str, Any]:
    """Return rows, notes, picture and actions."""
    return {
        "id": "gpu",
        "title": "GPU",
        "rows": _lease_rows(now, lease) + _queue_rows(now),
        "notes": _notes(now, lease),
        "chart": chart(now.readings, now.time) if lease is not None and now.gpus != Away else None,
        "selftest": now.selftest.shown(),
        "actions": _actions(now, lease),
    }


def _lease_rows(now: "Now", lease: LeaseView | None) -> list[dict[str, Any]]:
    if lease is None:
        return [] if now.who.lease or now.mine.queued(now.who.server) else [_row("This server", "no GPU")]
    devices = words.models(lease.devices) or "GPU"
    sizes = {words.memory(device.memory_mb) for device in lease.devices}
    size = f", {sizes.pop()}{' each' if len(lease.devices) > 1 else ''}" if len(sizes) == 1 else ""
    rows = [_row("Device", f"{devices}{size}".removesuffix(", "))]
    if lease.since is not None:
        rows.append(
            _row("Yours for", f"{words.duration(now.time - lease.since)}, since {{time}}", lease.since)
        )
    if lease.kept_until is not None and lease.kept_until > now.time:
        rows.append(_row("Kept", "until {time}, used or not", lease.kept_until))
    if now.gpus != Away and lease.idle_s is not None and lease.idle_s >= 60:
        rows.append(_row("Not used for", words.duration(lease.idle_s)))
    return rows


def _queue_rows(now: "Now") -> list[dict[str, Any]]:
    ticket = now.mine.queued(now.who.server)
    if ticket is None or now.gpus == Away:
        return []
    place = f"{words.ordinal(ticket.position)} of {ticket.of}" if ticket.position else f"{ticket.of} wait"
    wait = (
        "how long is not known" if ticket.wait_s is None else f"about {words.duration(ticket.wait_s)} to wait"
    )
    return [_row("Queue", f"{place}; {wait}")]


def _notes(now: "Now", lease: LeaseView | None) -> list[dict[str, Any]]:
    notes = []
    if now.gpus == Away:
        notes.append(_note(AWAY, "warning"))
    if lease is not None and lease.state == "unknown":
        why = f" ({lease.trouble.rstrip('.')})" if lease.trouble else ""
        notes.append(_note(f"The driver does not show this GPU any more{why}. Save your work and test again below; if it stays away, tell your admin.", "failed"))  # fmt: skip
    if lease is not None and lease.warning is not None and now.gpus != Away:
        when = "at {time}" if lease.warning.release_at else "soon"
        what = f"{words.reason(lease.warning.text)} It is given back {when}: {RELEASED}".strip()
        notes.append(_note(what, "warning", lease.warning.release_at))
    if lease is None and now.who.lease and now.gpus == "answers":
        notes.append(_note(ENDED, "warning"))
    if lease is None:
        notes += [_note(notice.text, "") for notice in recent_notices(now)[:1]]
    promised = now.who.lease.get("promise")
    promise = (
        lease.promise
        if lease is not None and lease.promise
        else promised
        if isinstance(promised, str)
        else ""
    )
    if promise:
        notes.append(_note(promise, ""))
    elsewhere = [other for other in now.mine.leases if other.server != now.who.server]
    if elsewhere and now.gpus != Away:
        notes.append(_note(f"Also yours: {', '.join(_elsewhere(other) for other in elsewhere)}.", ""))
    if now.gpus == Absent and now.who.lease:
        notes.append(_note("This hub does not measure how GPUs are used.", ""))
    return notes


def _elsewhere(lease: LeaseView) -> str:
    return f"{words.models(lease.devices, short=True) or 'a GPU'} in {lease.server or 'another server'}"


def _actions(now: "Now", lease: LeaseView | None) -> list[dict[str, str]]:
    actions = []
    if lease is not None and now.gpus == "answers":
        if lease.can_keep:
            actions.append({"id": "keep", "lease": lease.id, "label": keep_label(lease)})
        actions.append({"id": "give-back", "lease": lease.id, "label": "Give back now"})
    if now.selftest.can_run:
        actions.append({"id": "test", "lease": "", "label": "Test again"})
    return actions


def keep_label(lease: LeaseView) -> str:
    """Return what the button says."""
    return f"Keep it {words.duration(60 * lease.keep_minutes)} more" if lease.keep_minutes else "Keep the GPU"


def chart(readings: Sequence[tuple[float, float]], now: float) -> dict[str, Any] | None:
    """Return how busy the GPU was: points as (seconds ago, share), in pieces without gaps, and the same in words.

    None before there are two readings. The mean is that of the readings, which are as far apart as somebody looked.

    >>> chart([(0, 0.0), (10, 0.5), (20, 1.0)], 20.0)["text"]
    'Busy 100 % now; 50 % on average of 3 readings in the last 20 s.'
    """
    recent = [(moment, share) for moment, share in readings if now - moment <= HISTORY_S]
    if len(recent) < 2:
        return None
    pieces: list[list[tuple[float, float]]] = []
    before = float("-inf")
    for moment, share in recent:
        if moment - before > GAP_S:
            pieces.append([])
        pieces[-1].append((round(now - moment, 1), share))
        before = moment
    mean = sum(share for _, share in recent) / len(recent)
    span = now - recent[0][0]
    over = f"{span:.0f} s" if span < 120 else f"{span / 60:.0f} min"
    return {
        "seconds": HISTORY_S,
        "pieces": pieces,
        "text": f"Busy {words.percent(recent[-1][1])} now; {words.percent(mean)} on average of {len(recent)} readings in the last {over}.",
    }


def _row(term: str, value: str, time: float | None = None) -> dict[str, Any]:
    return {"term": term, "value": value, "time": time}


def _note(text: str, level: str, time: float | None = None) -> dict[str, Any]:
    return {"text": text, "level": level, "time": time}


def recent_notices(now: "Now") -> list[NoticeView]:
    """Return what happened to this server in the last day, the newest first as the service sends it."""
    mine = [notice for notice in now.mine.notices if notice.server == now.who.server]
    return [notice for notice in mine if notice.when is not None and now.time - notice.when < NOTICE_S]
