"""The guide names what there is: settings, figures, addresses."""

import re

from prometheus_client.parser import text_string_to_metric_families

from tidehub.gpus import metrics, now
from tidehub.gpus.web.api import LONGEST_WAIT_S, RENEW_S
from tidehub.settings import PREFIX, Settings
from tidelab import paths
from tidelab.leases.book import Book

TEXT = (paths.checkout() / "docs" / "howto" / "gpus-admin.md").read_text()


def test_settings_and_their_defaults_are_as_said() -> None:
    named = {name.removeprefix(PREFIX).lower() for name in re.findall(r"TIDEHUB_[A-Z_]+", TEXT)}
    assert named <= set(Settings.model_fields)
    default = Settings()
    assert (default.gpu_warn_minutes, default.gpu_release_minutes) == (20, 30)
    assert (default.gpu_keep_minutes, default.gpu_keep_times, default.gpu_max_hours) == (60, 2, 0)
    assert (RENEW_S, LONGEST_WAIT_S) == (600, 30)


def test_every_figure_is_named_and_no_other(book: Book) -> None:
    families = text_string_to_metric_families(metrics.text(book, now.Now()).decode())
    made = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert set(re.findall(r"tidelab_gpu_[a-z_]+", TEXT)) == made
