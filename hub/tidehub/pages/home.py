"""The home page: one card a use case, one's servers and runs, and what does not work at the moment."""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from tornado import web

from tidehub import disk
from tidehub.model_status import ModelStatus, model_status
from tidehub.pages.base import TideHandler
from tidehub.pages.gpu_state import Mine
from tidehub.pages.gpu_view import Offers, offers
from tidehub.pages.server_lines import Server, server_lines
from tidehub.profiles import Profile, profile
from tidehub.quotas import home_limit, hours_warning
from tidehub.recent_runs import recent_runs

SEARCH_FROM = 7  # cards


@dataclass(frozen=True)
class Card:
    """One use case on the page."""

    profile: Profile
    model: ModelStatus
    server: Server | None
    offers: Offers


@dataclass(frozen=True)
class RunLine:
    """One recent run, in words."""

    title: str
    status: str
    words: str
    when: str
    percent: int | None
    path: str | None
    """Where the app shows it, below the hub's prefix; None without an app."""


class HomeHandler(TideHandler):
    """Show the page."""

    @web.authenticated
    async def get(self) -> None:
        """Everything on it is read now: a folder added a moment ago has its card."""
        catalogue = self.page.catalogue()
        profiles = {slug: profile(use_case) for slug, use_case in catalogue.items()}
        mine = await self.gpus_of_mine()
        servers = {server.name: server for server in server_lines(self, profiles, mine)}
        health = await self.page.health.check()
        cards = [
            Card(
                profiles[slug],
                model_status(use_case),
                servers.get(slug),
                offers(profiles[slug], self.my_groups, mine.free, mine.waits),
            )
            for slug, use_case in catalogue.items()
        ]
        admin = bool(self.current_user.admin)
        account = (
            self.authenticator.store.get(self.current_user.name)
            if self.page.settings.auth == "local"
            else None
        )
        await self.show(
            "home.html",
            cards=cards,
            servers=list(servers.values()),
            mine=mine,
            notices=notice_lines(mine),
            warnings=[words for words in (hours_warning(mine.quota), disk_warning(self, mine)) if words],
            runs=run_lines(self.current_user.name, profiles),
            search=len(cards) >= SEARCH_FROM,
            troubles=[service.sentence for service in health if not service.answers],
            apps_up=self.apps_up(health),
            problems=[str(problem) for problem in catalogue.problems.values()] if admin else [],
            is_admin=admin,
            first_visit=not any(self.current_user.orm_user.orm_spawners),
            generated_password=bool(account and account.generated),
            shared_trust=self.page.settings.shared_trust,
            in_containers=self.page.settings.mode == "docker",
            simulated_gpus=self.page.settings.gpus.startswith("simulated:"),
        )


class ServersHandler(TideHandler):
    """The list of servers alone, and what happened to their GPUs, for the page that is already open."""

    @web.authenticated
    async def get(self) -> None:
        """Show it."""
        profiles = {slug: profile(use_case) for slug, use_case in self.page.catalogue().items()}
        mine = await self.gpus_of_mine()
        servers = server_lines(self, profiles, mine)
        await self.show("servers.html", servers=servers, mine=mine, notices=notice_lines(mine))


class OffersHandler(TideHandler):
    """What each card offers, for the page that is already open."""

    @web.authenticated
    async def get(self) -> None:
        """Show it."""
        mine = await self.gpus_of_mine()
        made = [profile(use_case) for use_case in self.page.catalogue().values()]
        shown = [(item, offers(item, self.my_groups, mine.free, mine.waits)) for item in made]
        await self.show("offers.html", cards=shown)


class RunsHandler(TideHandler):
    """The list of runs alone, for the page that is already open."""

    @web.authenticated
    async def get(self) -> None:
        """Show it."""
        profiles = {slug: profile(use_case) for slug, use_case in self.page.catalogue().items()}
        await self.show(
            "runs.html",
            runs=run_lines(self.current_user.name, profiles),
            apps_up=self.apps_up(await self.page.health.check()),
        )


def run_lines(user: str, profiles: dict[str, Profile]) -> list[RunLine]:
    """Return a person's newest runs in words."""
    now = datetime.now(UTC)
    lines = []
    for run in recent_runs(user):
        known = profiles.get(run.use_case)
        alive = run.is_in_progress(now)
        status = run.status if run.status not in ("running", "queued") or alive else "stopped"
        lines.append(
            RunLine(
                title=known.title if known else run.use_case,
                status=status,
                words=run.words(now),
                when=time_ago(run.updated, now),
                percent=round(100 * run.done / run.total) if alive and run.total else None,
                path=_shown_at(known, run.run),
            )
        )
    return lines


def time_ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago something was.

    >>> time_ago(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 2, 5, tzinfo=UTC))
    '2 hours ago'
    """
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    for size, unit in ((86400 * 2, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // (86400 if unit == "day" else size))
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _shown_at(known: Profile | None, run: str) -> str | None:
    if known is None or known.app_path is None:
        return None
    return f"{quote(known.app_path)}?{urlencode({'run': run})}"


def notice_lines(mine: Mine) -> list[dict[str, str]]:
    """Return what happened to a person's GPUs while they were away, newest first."""
    now = datetime.now(UTC)
    return [
        {
            "id": str(notice["id"]),
            "text": str(notice["text"]),
            "when": time_ago(datetime.fromtimestamp(notice["when"], UTC), now),
        }
        for notice in mine.notices
    ]


def disk_warning(handler: TideHandler, mine: Mine) -> str:
    """Return what a person whose files take more than their limit reads; empty otherwise."""
    settings = handler.page.settings
    limit = home_limit(mine.quota, settings.disk_gb, settings.disk_hard_factor)
    return limit.warning(disk.last_measured().home(handler.current_user.name))
