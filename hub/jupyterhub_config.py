"""JupyterHub's configuration: settings from ``TIDEHUB_*``, everything else in `tidehub.configure`."""

import sys

from tidehub.configure import apply
from tidehub.live_catalogue import LiveCatalogue
from tidehub.prepare import prepare
from tidehub.settings import SettingsError, load_settings

try:
    settings = load_settings()
except SettingsError as error:
    sys.exit(str(error))

prepare(settings)
apply(get_config(), settings, LiveCatalogue())  # noqa: F821 (traitlets gives it)
