"""Ends what a browser holds of a person: the hub's cookie and the OAuth tokens of servers and services."""

from typing import Any

from jupyterhub import orm
from jupyterhub.utils import new_token

HUB_CLIENT = "jupyterhub"


def end_browser_sessions(user: Any, *, api_tokens: bool = False) -> int:
    """End every browser session of a person and return how many tokens were revoked.

    Parameters
    ----------
    user
        JupyterHub's user.
    api_tokens
        Also revoke the tokens issued by the hub itself: those the person made on the token page and those of running
        servers, which then cannot speak to the hub or MLflow any more. For removed accounts.
    """
    user.orm_user.cookie_id = new_token()
    tokens = user.db.query(orm.APIToken).filter(orm.APIToken.user_id == user.orm_user.id).all()
    revoked = [token for token in tokens if api_tokens or token.client_id != HUB_CLIENT]
    for token in revoked:
        user.db.delete(token)
    user.db.commit()
    return len(revoked)
