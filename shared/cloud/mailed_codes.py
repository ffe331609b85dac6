"""Codes by e-mail, from Supabase Auth through its official client."""

from typing import TYPE_CHECKING, NoReturn

from shared.errors import VendorUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from ssl import SSLContext

    from httpx import Client
    from supabase_auth import SyncGoTrueClient

WRONG_CODE = frozenset({400, 401, 403, 404, 422})
"""Auth answers these to a code that is wrong, used or too old (403 `otp_expired`), and to an unknown address."""


class SupabaseCodes:
    """Implements Codes of `shared.web.desk.code_door`. `timeout` in seconds."""

    def __init__(self, url: str, anon_key: str, *, timeout: float, tls: "Callable[[], SSLContext]") -> None:
        self._url = url.rstrip("/") + "/auth/v1"
        self._key = anon_key
        self._timeout = timeout
        self._tls = tls

    def send(self, address: str) -> None:
        """Makes a user at Auth for a new address: only addresses with a role come here, so a role is the invitation."""
        from supabase_auth.errors import AuthError

        with self._http() as http:
            try:
                self._client(http).sign_in_with_otp(
                    {"email": address, "options": {"should_create_user": True}}
                )
            except (AuthError, ValueError) as error:  # a ValueError is an answer that is not Auth's
                _unavailable(error)

    def is_right(self, address: str, code: str) -> bool:
        from supabase_auth.errors import AuthApiError, AuthError

        with self._http() as http:
            try:
                known = self._client(http).verify_otp({"email": address, "token": code, "type": "email"})
            except AuthApiError as error:
                if error.status in WRONG_CODE:
                    return False
                _unavailable(error)
            except (AuthError, ValueError) as error:  # a ValueError is an answer that is not Auth's
                _unavailable(error)
        # The session at Auth is left unused: the desk's own cookie says who is signed in.
        email = known.user.email if known.session and known.user else None
        return (email or "").casefold() == address

    def _client(self, http: "Client") -> "SyncGoTrueClient":
        """For one call: the client remembers who signed in, and the function serves many people."""
        from supabase_auth import SyncGoTrueClient

        return SyncGoTrueClient(
            url=self._url,
            headers={"apikey": self._key, "Authorization": f"Bearer {self._key}"},
            auto_refresh_token=False,
            persist_session=False,
            http_client=http,
        )

    def _http(self) -> "Client":
        import httpx

        return httpx.Client(verify=self._tls(), timeout=self._timeout)


def _unavailable(error: Exception) -> NoReturn:
    reason = getattr(error, "code", None) or getattr(error, "status", None) or type(error).__name__
    raise VendorUnavailable(f"Supabase Auth does not answer: {reason}") from error
