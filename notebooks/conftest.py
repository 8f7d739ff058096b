"""Tests of the use cases lie in their folders; each use case's own modules are importable in them."""

import sys
from pathlib import Path

for source in sorted(Path(__file__).resolve().parent.glob("*/src")):
    sys.path.insert(0, str(source))
