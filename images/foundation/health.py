"""Health check of a container: does its JupyterLab answer? Standard library only."""

import os
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit


def address() -> str:
    """Return where the server answers, from the variables that JupyterHub gives; else port 8888."""
    port = urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).port or 8888
    return f"http://127.0.0.1:{port}{os.environ.get('JUPYTERHUB_SERVICE_PREFIX', '/')}api"


def main() -> int:
    """Return 0 when the server answers at all: a page that refuses us is an answer too."""
    # Never through the proxy for outside addresses.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(address(), timeout=8).close()
    except urllib.error.HTTPError as error:
        return int(error.code >= 500)
    except (OSError, ValueError) as error:
        print(f"{address()} does not answer: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
