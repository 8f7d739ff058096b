"""What fills the disk, for admins."""

from jupyterhub.scopes import needs_scope
from tornado import web

from tidehub import disk
from tidehub.disk_scan import OLD_DAYS
from tidehub.pages.base import TideHandler
from tidehub.pages.mine import measured_words

PLACES = {
    "mlflow": "Experiments and models (MLflow), artifacts included",
    "environments": "Environments of the kernels",
    "champions": "Published models",
    "shared": "Shared data",
    "logs": "Logs",
}


class DiskHandler(TideHandler):
    """The page; it shows the last measurement, and starts another when that is old."""

    @web.authenticated
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """Show it."""
        measuring = self.page.measuring
        measuring.start()
        found = disk.last_measured()
        homes = sorted(found.homes.values(), key=lambda home: -home.total)
        of_homes = sum(home.total for home in homes)
        catalogue = self.page.catalogue()
        await self.show(
            "disk.html",
            found=found,
            in_gb=disk.in_gb,
            homes=homes,
            of_homes=of_homes,
            parts=disk.PART_WORDS,
            use_cases=[
                (catalogue[slug].title if slug in catalogue else slug, size)
                for slug, size in sorted(found.use_cases.items(), key=lambda pair: -pair[1])
            ],
            places=[
                (PLACES.get(name, name), size)
                for name, size in sorted(found.places.items(), key=lambda pair: -pair[1])
            ],
            measured=measured_words(found, running=measuring.is_running),
            old_days=OLD_DAYS,
        )
