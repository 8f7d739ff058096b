"""Start the service: ``python -m tidehub.gpus``, as the hub's keeper does."""

import asyncio
import contextlib
import logging
import signal
import sys
from urllib.parse import urlsplit

import aiohttp
from tornado.httpserver import HTTPServer

from tidehub.gpus.service import Service
from tidehub.gpus.settings import GpusSettings
from tidehub.gpus.web.app import application
from tidehub.gpus.web.base import MAX_BODY_BYTES
from tidehub.settings import SettingsError
from tidelab.leases import LeaseError

log = logging.getLogger("gpus")


async def serve(settings: GpusSettings) -> None:
    """Serve until told to stop."""
    async with aiohttp.ClientSession() as session:
        service = Service(settings, session)
        with contextlib.suppress(LeaseError):
            await asyncio.to_thread(service.reconcile)
        address = urlsplit(settings.url)
        server = HTTPServer(application(service), max_body_size=MAX_BODY_BYTES)
        server.listen(address.port or 0, address.hostname)
        log.info("Listening at %s%s.", settings.url, settings.prefix)
        running = asyncio.ensure_future(service.run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.cancel)
        try:
            await running
        except asyncio.CancelledError:
            log.info("Stopping.")
        finally:
            server.stop()
            service.driver.close()


def main() -> int:
    """Start the service; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="[gpus] %(message)s", stream=sys.stdout)
    logging.getLogger("tornado.access").setLevel(logging.ERROR)  # a look every few seconds from every Lab
    try:
        settings = GpusSettings.from_environment()
    except (KeyError, SettingsError) as error:
        print(
            f"The service gpus is started by the hub, which sets its settings; missing or wrong: {error}",
            file=sys.stderr,
        )
        return 2
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
