"""``python -m tidelab.apps``: serve the apps behind the hub, or to one person with a token."""

import os
import sys

from tidelab.apps.settings import AppsSettings, SettingsError


def main() -> int:
    """Read the settings, say what is wrong with them, or serve."""
    try:
        settings = AppsSettings.from_environment()
    except SettingsError as error:
        print(f"The apps were not started: {error}", file=sys.stderr)
        return 2
    if "JUPYTERHUB_API_TOKEN" not in os.environ and not os.environ.get("TIDELAB_APPS_PERSON"):
        print(
            "The apps were not started: they run as a service of the hub (see `make run`). To look at an app without a hub, "
            "set TIDELAB_APPS_PERSON to your name and JUPYTER_TOKEN to a secret of your choice.",
            file=sys.stderr,
        )
        return 2
    # Only now: Voila takes a second to import.
    from tidelab.apps.server import serve

    serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
