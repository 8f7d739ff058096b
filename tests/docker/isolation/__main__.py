"""``python -m isolation JSON``: try what the argument names, or everything, and print what happened.

The argument holds addresses and paths that an attacker would know.
"""

import json
import resource
import sys

from . import kernel, limits, machine, people
from .core import ATTEMPTS


def main() -> int:
    """Try the attempts."""
    assert all((kernel, limits, machine, people)), "imported for the attempts they hold"
    given = json.loads(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = {}
    for name in given.get("only") or ATTEMPTS:
        try:
            said[name] = ATTEMPTS[name](given)
        except Exception as error:
            said[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
