"""One's own profile: institution and country, for the statistics that hubs report to those who pay for them."""

from tornado import web

from tidehub.pages.base import TideHandler
from tidehub.person_profile import (
    LONGEST_INSTITUTION,
    PersonProfile,
    ProfileValueError,
    checked_profile,
    read_profile,
    write_profile,
)
from tidelab.catalogue.countries import countries


class ProfileHandler(TideHandler):
    """Show and change one's own profile; both fields may stay empty."""

    @web.authenticated
    async def get(self) -> None:
        """Show the form."""
        await self._show(read_profile(self.current_user.name))

    @web.authenticated
    async def post(self) -> None:
        """Keep what the person typed."""
        name = self.current_user.name
        institution, country = (self.get_body_argument(field, "") for field in ("institution", "country"))
        try:
            # Whether somebody is a person or a ship is the admin's to say.
            profile = checked_profile(institution, country, read_profile(name).kind)
            write_profile(name, profile)
        except (ProfileValueError, OSError) as error:
            self.set_status(400 if isinstance(error, ProfileValueError) else 500)
            words = (
                str(error)
                if isinstance(error, ProfileValueError)
                else "The profile could not be stored. Tell an admin."
            )
            typed = PersonProfile(institution[:LONGEST_INSTITUTION], country[:2].upper())
            await self._show(typed, problem=words)
            return
        await self._show(profile, done="Your profile is kept. It counts for analyses from now on.")

    async def _show(self, profile: PersonProfile, *, problem: str = "", done: str = "") -> None:
        by_name = sorted(countries().items(), key=lambda pair: pair[1])
        await self.show(
            "profile.html",
            profile=profile,
            countries=by_name,
            longest=LONGEST_INSTITUTION,
            problem=problem,
            done=done,
        )
