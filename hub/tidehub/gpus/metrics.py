"""Figures for Prometheus: by use case, never by person.

Names follow https://prometheus.io/docs/practices/naming/. A registry of its own: nothing of the process itself is shown.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from tidehub.gpus import overview
from tidehub.gpus.now import Now
from tidelab.leases.book import Book

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_KIND = ("kind", "profile")


class BookCollector:
    """Reads the book at each question, so that nothing is counted twice and nothing lost with a restart."""

    def __init__(self, book: Book, present: Now) -> None:
        self._book, self._now = book, present

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        yield from self._seconds()
        yield from self._state()

    def _seconds(self) -> Iterator[Metric]:
        by_use_case = self._book.seconds(by="use_case")
        for name, words in (
            ("allocated", "Device-seconds leased"),
            ("held", "Device-seconds leased with a process of the lease on the device"),
            ("busy", "Device-seconds in which a kernel of the lease ran"),
        ):
            metric = CounterMetricFamily(
                f"tidelab_gpu_{name}_seconds", f"{words}, by use case.", labels=["use_case"]
            )
            for use_case, found in by_use_case.items():
                metric.add_metric([use_case or "none"], getattr(found, name))
            yield metric

    def _state(self) -> Iterator[Metric]:
        found = overview.of_all(self._book)
        places = GaugeMetricFamily("tidelab_gpu_places", "Places that can be leased.", labels=_KIND)
        free = GaugeMetricFamily("tidelab_gpu_places_free", "Places free now.", labels=_KIND)
        waiting = GaugeMetricFamily("tidelab_gpu_queue_length", "Requests that wait.", labels=_KIND)
        for each in found["free"]:
            labels = [each["kind"], each["profile"]]
            places.add_metric(labels, each["total"])
            free.add_metric(labels, each["free"])
            waiting.add_metric(labels, each["waiting"])
        leases = GaugeMetricFamily("tidelab_gpu_leases", "Live leases.", labels=("use_case", "state"))
        counts: dict[tuple[str, str], int] = {}
        for lease in found["leases"]:
            key = (lease["use_case"] or "none", lease["state"])
            counts[key] = counts.get(key, 0) + 1
        for key, number in counts.items():
            leases.add_metric(list(key), number)
        yield from (places, free, waiting, leases)
        yield GaugeMetricFamily(
            "tidelab_gpu_devices_lost",
            "Devices that do not answer.",
            sum(bool(d["lost"]) for d in found["devices"]),
        )
        yield GaugeMetricFamily(
            "tidelab_gpu_devices_drained",
            "Devices on which no lease begins.",
            sum(d["drained"] for d in found["devices"]),
        )
        yield GaugeMetricFamily(
            "tidelab_gpu_processes_without_lease",
            "Processes on a device that they have no lease of.",
            len(found["strangers"]),
        )
        yield GaugeMetricFamily(
            "tidelab_gpu_last_look_timestamp_seconds",
            "When the devices were looked at last, seconds since 1970; 0: never.",
            self._now.written,
        )


def text(book: Book, present: Now) -> bytes:
    """Return all figures in Prometheus' text format.

    Raises
    ------
    LeaseError
        The book cannot be used.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BookCollector(book, present))
    made: bytes = generate_latest(registry)
    return made
