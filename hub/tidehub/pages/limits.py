"""Limits of people and groups, for admins: who uses what of how much, set and remove limits, answer who asks for more."""

from datetime import UTC, datetime
from typing import Any

from jupyterhub.scopes import needs_scope
from tornado import web

from tidehub import disk
from tidehub.pages.acts import Acts
from tidehub.pages.base import TideHandler
from tidehub.pages.limit_form import FIELDS, SCOPES, LimitFormError, read_limits, typed
from tidehub.pages.people import MOST_PEOPLE, all_people, group_names, running_of
from tidehub.pages.use_lines import use_lines
from tidehub.quotas import home_limit
from tidelab.leases import LeaseError, Owner
from tidelab.leases.book import Book
from tidelab.leases.model import Quota

LONGEST_ANSWER = 1000


class LimitsHandler(Acts, TideHandler):
    """The table, and the forms that change it."""

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """Show everything; ``?scope=person&name=ada`` fills the form with what is set."""
        scope, name = self.get_query_argument("scope", ""), self.get_query_argument("name", "")
        await self._show(form={"scope": scope, "name": name} if scope in SCOPES else {})

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def post(self) -> None:
        """Do what the form says."""
        action = self.get_body_argument("action", "")
        actions = {"set": self._set, "remove": self._remove, "answer": self._answer}
        if action not in actions:
            raise web.HTTPError(400, "This page can set and remove limits and answer requests.")
        form = {key: self.get_body_argument(key, "")[:300] for key in ("scope", "name", "days", *FIELDS)}
        try:
            done = await actions[action]()
        except (LimitFormError, LeaseError) as error:
            self.set_status(400)
            await self._show(problem=str(error), form=form if action == "set" else {})
            return
        await self._show(done=done)

    async def _set(self) -> str:
        limits = read_limits(lambda key: self.get_body_argument(key, ""))
        await self.page.gpus.do(
            lambda book: book.set_quota(limits.scope, limits.name, days=limits.days, **limits.values)
        )
        self._note(limits.scope, limits.name, limits.words)
        known = limits.scope == "everyone" or (
            limits.name in group_names(self)
            if limits.scope == "group"
            else self.find_user(limits.name) is not None
        )
        whom = _whom(limits.scope, limits.name)
        return f"The limits of {whom} are set: {limits.words}.{'' if known else f' No {limits.scope} of this name is known here so far.'}"

    async def _remove(self) -> str:
        scope, name = self.get_body_argument("scope", ""), self.get_body_argument("name", "")
        if scope not in SCOPES:
            raise LimitFormError("Nothing was removed: the form did not say whose limits.")
        await self.page.gpus.do(lambda book: book.set_quota(scope, name))
        self._note(scope, name, "removed")
        return f"The limits of {_whom(scope, name)} are removed."

    async def _answer(self) -> str:
        number, verdict = self.get_body_argument("request", ""), self.get_body_argument("granted", "")
        text = self.get_body_argument("text", "").strip()[:LONGEST_ANSWER]
        if not (number.isascii() and number.isdigit() and len(number) < 16) or verdict not in ("yes", "no"):
            raise LimitFormError("Answer a request with yes or no.")
        by = self.current_user.name
        wish = await self.page.gpus.do(
            lambda book: book.answer(int(number), granted=verdict == "yes", by=by, text=text)
        )
        self.note_act("answered", wish.user, verdict, detail=text)
        more = " Now set the limit below." if verdict == "yes" else ""
        return f"{wish.user} reads your answer on the page What you use.{more}"

    def _note(self, scope: str, name: str, words: str) -> None:
        whom = name if scope == "person" else ""
        self.note_act("quota", whom, words if scope != "group" else f"group {name}: {words}")

    async def _show(self, *, problem: str = "", done: str = "", form: dict[str, str] | None = None) -> None:
        people, rows, wishes, trouble = [], [], [], ""
        try:
            rows = await self.page.gpus.do(Book.quotas)
            wishes = await self.page.gpus.do(Book.requests)
            people = await self._people()
        except LeaseError as error:
            trouble = str(error)
        form = form or {}
        if form and not any(form.get(key) for key in FIELDS):
            row = next((r for r in rows if (r.scope, r.name) == (form["scope"], form.get("name", ""))), None)
            form = form | typed(row)
        await self.show(
            "quotas.html",
            people=people,
            rows=[(row, typed(row)) for row in rows],
            wishes=[(wish, moment(wish.asked)) for wish in wishes],
            fields=FIELDS,
            form=form,
            problem=problem or trouble,
            done=done,
            groups=group_names(self),
            most=MOST_PEOPLE,
            measured=disk.last_measured().measured,
        )

    async def _people(self) -> list[dict[str, Any]]:
        users = all_people(self)
        owners = [Owner(user.name, "-", "", tuple(group.name for group in user.groups)) for user in users]
        limits: list[Quota] = await self.page.gpus.do(lambda book: [book.quota(owner) for owner in owners])
        found, settings = disk.last_measured(), self.page.settings
        return [
            {
                "name": user.name,
                "groups": sorted(owner.groups),
                "lines": use_lines(
                    quota,
                    running_of(user),
                    found.home(user.name),
                    home_limit(quota, settings.disk_gb, settings.disk_hard_factor).soft_gb,
                ),
            }
            for user, owner, quota in zip(users, owners, limits, strict=True)
        ]


def moment(seconds: float) -> str:
    """Return a moment as the pages write it, UTC.

    >>> moment(0)
    '1970-01-01 00:00 UTC'
    """
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _whom(scope: str, name: str) -> str:
    return "everyone" if scope == "everyone" else f"the group {name}" if scope == "group" else name
