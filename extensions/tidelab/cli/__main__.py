"""``python -m tidelab.cli``: the same as ``tidelab``."""

from tidelab.cli import main

main()
