"""Who may sign in: accounts kept here, or an OpenID Connect provider."""

from traitlets.config import Config

from tidehub.authenticator import LocalAccounts, OidcAccounts
from tidehub.settings import Settings


def configure_auth(c: Config, settings: Settings) -> None:
    """Set the authenticator."""
    c.JupyterHub.admin_access = False
    # An account removed or reset on the command line is signed out within a minute.
    c.Authenticator.auth_refresh_age = 60
    if settings.auth == "oidc":
        _oidc(c, settings)
    else:
        _local(c, settings)


def _local(c: Config, settings: Settings) -> None:
    c.JupyterHub.authenticator_class = LocalAccounts
    c.LocalAccounts.accounts_file = str(settings.folder / "accounts.sqlite")
    c.LocalAccounts.shared_trust = settings.many_people
    c.LocalAccounts.trusted_proxies = list(settings.trusted_proxies)
    # The tokens of a removed account end with it, not only its browser sessions.
    c.Authenticator.auth_refresh_strict = True
    # Having an account here is the permission; there is no second list.
    c.Authenticator.allow_all = True


def _oidc(c: Config, settings: Settings) -> None:
    c.JupyterHub.authenticator_class = OidcAccounts
    c.OAuthenticator.client_id = settings.oidc_client_id
    c.OAuthenticator.client_secret = settings.oidc_client_secret.get_secret_value()
    c.OAuthenticator.authorize_url = settings.oidc_authorize_url
    c.OAuthenticator.token_url = settings.oidc_token_url
    c.OAuthenticator.userdata_url = settings.oidc_userdata_url
    c.OAuthenticator.oauth_callback_url = (
        settings.oidc_callback_url or f"{settings.address}hub/oauth_callback"
    )
    c.OAuthenticator.scope = list(settings.oidc_scope)
    c.OAuthenticator.login_service = settings.oidc_login_name
    c.OAuthenticator.username_claim = settings.oidc_username_claim
    c.OAuthenticator.enable_pkce = True
    c.OAuthenticator.validate_server_cert = True
    c.Authenticator.manage_groups = True
    c.OAuthenticator.auth_state_groups_key = f"oauth_user.{settings.oidc_groups_claim}"
    c.OAuthenticator.allowed_groups = {*settings.oidc_allowed_groups, *settings.oidc_admin_groups}
    c.OAuthenticator.admin_groups = set(settings.oidc_admin_groups)
    # Tokens of the provider are not kept: nothing here uses them after the sign-in.
    c.Authenticator.enable_auth_state = False
