"""The spawners under one name: servers as processes (embedded mode) and as containers (docker mode)."""

from tidehub.spawners.docker import TideDockerSpawner
from tidehub.spawners.process import TideSpawner
from tidehub.spawners.refused import StartRefusedError
from tidehub.spawners.start import TideStart, choose_profile

__all__ = ["StartRefusedError", "TideDockerSpawner", "TideSpawner", "TideStart", "choose_profile"]
