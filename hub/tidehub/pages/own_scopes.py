"""What the hub tells a server about a token: the right to enter everybody's server comes from a recorded visit only.

A server asks the hub whose token it was shown, and the hub cannot see which server asks. A personal token of an admin would
therefore open any server unseen. Only a token that was made by a sign-in at one server (OAuth) keeps that server's right.
"""

import json
from typing import Any

from jupyterhub import orm
from jupyterhub.user import User

_SCOPE = "access:servers"


def without_others_servers(chunk: Any, person: Any, token: Any, db: Any) -> Any:
    """Return the answer of ``GET /hub/api/user`` without rights to other people's servers that no recorded sign-in gave.

    Rights to one's own servers, to the server that the token was made for by a sign-in, and to servers that their owners
    shared stay. Services keep theirs.
    """
    if not isinstance(person, User) or token is None or not isinstance(chunk, str):
        return chunk
    model = json.loads(chunk)
    scopes = model.get("scopes", [])
    foreign = [scope for scope in scopes if is_foreign(scope, person.name)]
    if not foreign:
        return chunk
    allowed = {f"{_SCOPE}!server={name}" for name in (*_made_for(token, db), *_shared_with(person, db))}
    kept = {scope for scope in scopes if scope not in foreign or scope in allowed}
    if _SCOPE in foreign:  # the right to everybody's servers held these too
        kept |= {
            f"{_SCOPE}!user={person.name}",
            *(f"{_SCOPE}!server={name}" for name in _made_for(token, db)),
        }
    return json.dumps(model | {"scopes": sorted(kept)})


def is_foreign(scope: str, name: str) -> bool:
    """Tell whether a scope opens servers that are not this person's own.

    >>> [is_foreign(scope, "ada") for scope in ("access:servers", "access:servers!user=ada", "access:servers!server=bo/x")]
    [True, False, True]
    """
    kind, _, narrowed = scope.partition("!")
    return kind == _SCOPE and narrowed != f"user={name}" and not narrowed.startswith(f"server={name}/")


def _made_for(token: Any, db: Any) -> list[str]:
    """Return ``person/server`` that the token was made for by a sign-in; nothing for any other token."""
    client = db.query(orm.OAuthClient).filter_by(identifier=token.client_id).first()
    spawner = client.spawner if client else None
    return [f"{spawner.user.name}/{spawner.name}"] if spawner else []


def _shared_with(person: Any, db: Any) -> list[str]:
    groups = [group.id for group in person.orm_user.groups]
    shares = db.query(orm.Share).filter(
        (orm.Share.user_id == person.orm_user.id) | (orm.Share.group_id.in_(groups))
    )
    return [f"{share.owner.name}/{share.spawner.name}" for share in shares]
