"""A single-user server starts without the hub's database, and whoever needs it all the same gets it."""

import json
import subprocess

import pytest

from tidelab import paths

pytestmark = pytest.mark.skipif(
    not paths.env_python("lab").exists(), reason="needs the environment lab: `tidelab stack install lab`"
)

LOOK = """
import json, sys
from tidelab.lab import singleuser
singleuser.postpone()
import jupyterhub.singleuser
from jupyterhub import scopes
said = {"main": jupyterhub.singleuser.main.__self__.__name__}
intersect = scopes._intersect_expanded_scopes
said["scopes"] = sorted(intersect({"read:users!user=ada", "x"}, {"read:users", "x"}))
said["early"] = [name for name in sys.modules if name.startswith(("sqlalchemy", "alembic", "jupyterhub.orm"))]
said["stand-ins"] = [n for n in said["early"] if isinstance(sys.modules[n], singleuser.Postponed)]
import jupyterhub.orm
said["table"] = scopes.orm.User.__tablename__, jupyterhub.orm.Spawner.__tablename__
from jupyterhub.handlers.pages import HomeHandler
said["page"] = HomeHandler.__name__
said["select"] = callable(scopes.sa.select)
try:
    scopes.orm.nothing
except AttributeError as error:
    said["nothing"] = str(error)
print(json.dumps(said))
"""


def test_the_hubs_database_is_imported_when_it_is_used_and_not_before() -> None:
    done = subprocess.run(
        [str(paths.env_python("lab")), "-c", LOOK], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    assert said["main"] == "JupyterHubSingleUser"
    assert said["scopes"] == ["read:users!user=ada", "x"]
    assert said["early"] == said["stand-ins"] == ["sqlalchemy", "sqlalchemy.exc", "jupyterhub.orm"]
    assert said["table"] == ["users", "spawners"]
    assert said["page"] == "HomeHandler"
    assert said["select"]
    assert "nothing" in said["nothing"]
