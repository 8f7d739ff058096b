"""JupyterHub's configuration: settings from ``TIDEHUB_*``, everything else in `tidehub.configure`."""

import sys

from tidehub.configure import apply
from tidehub.docker.engine import EngineError
from tidehub.live_catalogue import LiveCatalogue
from tidehub.prepare import prepare
from tidehub.settings import SettingsError, load_settings

try:
    settings = load_settings()
    gpus = prepare(settings)
except (SettingsError, EngineError) as error:
    sys.exit(str(error))

apply(get_config(), settings, LiveCatalogue(), gpus)  # noqa: F821 (traitlets gives it)
