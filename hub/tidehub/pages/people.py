"""People, groups and their running servers, as the hub knows them."""

from typing import Any

from jupyterhub import orm

from tidehub.quotas import RunningServer, running_servers

MOST_PEOPLE = 500


def running_of(user: Any) -> list[RunningServer]:
    """Return the servers of a hub user that run or start."""
    return running_servers(spawner for spawner in user.spawners.values() if spawner.active)


def all_people(handler: Any) -> list[Any]:
    """Return the hub users by name, at most `MOST_PEOPLE`."""
    found = handler.db.query(orm.User).order_by(orm.User.name).limit(MOST_PEOPLE)
    return [handler._user_from_orm(person) for person in found]


def group_names(handler: Any) -> list[str]:
    """Return the hub's groups by name."""
    return [name for (name,) in handler.db.query(orm.Group.name).order_by(orm.Group.name)]
