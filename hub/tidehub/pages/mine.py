"""What one uses: GPU hours, servers, files; asking for more; and what admins did with one's account and servers."""

import time

from tornado import web

from tidehub import audit, disk
from tidehub.pages.base import TideHandler
from tidehub.pages.gpu_state import Mine
from tidehub.pages.limits import moment
from tidehub.pages.people import running_of
from tidehub.pages.use_lines import use_lines
from tidehub.quotas import home_limit, hours_warning
from tidelab.leases import LeaseError
from tidelab.leases.book import Book
from tidelab.leases.model import More

SHOWN_ACTS = 20
AGAIN_S = 60.0
"""How old a measurement is at least before a person may ask for another."""


class MineHandler(TideHandler):
    """The page, and the form for more."""

    @web.authenticated
    async def get(self) -> None:
        """Show it."""
        self.page.measuring.start()
        asked = self.get_query_argument("asked", "") == "1"
        await self._show(done="Your request is with the admins. Their answer appears here." if asked else "")

    @web.authenticated
    async def post(self) -> None:
        """Ask an admin for more."""
        text, name = self.get_body_argument("text", ""), self.current_user.name
        try:
            await self.page.gpus.do(lambda book: book.ask_more(name, text))
        except LeaseError as error:
            self.set_status(400)
            await self._show(problem=str(error), text=text[:2000])
            return
        self.log.info("%s asks for more", name)
        # A reload of the answer must not ask again.
        self.redirect(f"{self.hub.base_url}mine?asked=1")

    async def _show(self, *, problem: str = "", done: str = "", text: str = "") -> None:
        name, settings = self.current_user.name, self.page.settings
        mine = await self.gpus_of_mine()
        found = disk.last_measured()
        home = found.home(name)
        limit = home_limit(mine.quota, settings.disk_gb, settings.disk_hard_factor)
        lines = use_lines(mine.quota, running_of(self.current_user), home, limit.soft_gb)
        await self.show(
            "mine.html",
            lines=lines,
            mine=mine,
            hours_warning=hours_warning(mine.quota),
            home=home,
            disk_warning=limit.warning(home),
            measured=measured_words(found, running=self.page.measuring.is_running),
            wishes=[(wish, moment(wish.asked)) for wish in await self._wishes(mine)],
            acts=audit.entries(whom=name, limit=SHOWN_ACTS),
            has_gpu_page="gpus" in settings.services,
            problem=problem,
            done=done,
            text=text,
        )

    async def _wishes(self, mine: Mine) -> list[More]:
        if mine.problem:
            return []
        name = self.current_user.name
        everything = await self.page.gpus.do(lambda book: Book.requests(book, open_only=False))
        return [wish for wish in reversed(everything) if wish.user == name][:10]


class MeasureHandler(TideHandler):
    """Measure what fills the disk again, now."""

    @web.authenticated
    async def post(self) -> None:
        """Start it, and go back."""
        self.page.measuring.start(if_older_s=AGAIN_S)
        back = "disk" if self.get_body_argument("back", "") == "disk" else "mine"
        self.redirect(f"{self.hub.base_url}{back}")


def measured_words(found: disk.DiskUse, *, running: bool, now: float | None = None) -> str:
    """Say how old a measurement is, and what it lacks."""
    going_on = " It is being measured again at this moment: reload the page in a minute." if running else ""
    if not found.measured:
        return "It was not measured yet." + going_on
    age = (time.time() if now is None else now) - found.measured
    minutes = round(age / 60)
    said = "just now" if minutes < 1 else f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
    short = (
        ""
        if found.complete
        else " There was more than could be counted in time: what stands here is at least so much."
    )
    return f"Measured {said}.{short}{going_on}"
