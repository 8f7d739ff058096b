"""The audit log, for admins: newest first, filtered by who, whom and what."""

import asyncio

from jupyterhub.scopes import needs_scope
from tornado import web

from tidehub import audit
from tidehub.pages import acts
from tidehub.pages.base import TideHandler


class AuditHandler(TideHandler):
    """The page; nothing on it can be changed."""

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """Show it."""
        wanted = {name: self.get_query_argument(name, "").strip()[:300] for name in ("who", "whom", "what")}
        who, whom, what = (wanted[name] or None for name in ("who", "whom", "what"))
        found = await asyncio.to_thread(lambda: audit.entries(who=who, whom=whom, what=what))
        await self.show(
            "audit.html",
            entries=found,
            wanted=wanted,
            actions=sorted(audit.ACTIONS),
            most=audit.MOST_SHOWN,
            lost=list(acts.lost),
        )
