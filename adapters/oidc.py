"""Sign-in by OpenID Connect: authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0, section 3.1)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import jwt
from psycopg import Connection

from adapters.keys import ROLES
from adapters.people import digest

# One who does not come back within that has left.
TRY_LIFETIME: Final = timedelta(minutes=10)
# Only such as a secret that the provider shares with us cannot have made.
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
_LEEWAY_SECONDS, _TIMEOUT_SECONDS = 60, 10.0


class OidcError(Exception):
    """The provider, or whoever says that he comes from it, cannot be relied on; the message is for the log and the person."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed with the provider. `roles`: our role → the values of `role_claim` that give it."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    role_claim: str
    roles: Mapping[str, Sequence[str]]
    scopes: str = "openid profile email"


@dataclass(frozen=True, slots=True)
class Told:
    """Who came, as the provider says."""

    subject: str
    name: str
    role: str


class Provider:
    """One identity provider. It is asked for its addresses and keys each time: people sign in seldom, and keys change."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms

    def begin(self, conn: Connection[Any], redirect_uri: str, back: str, now: datetime) -> tuple[str, str]:
        """Where to send the browser, and the state that it has to bring back. Raises OidcError."""
        found = self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        conn.execute("DELETE FROM oidc_tries WHERE expires_at < %s", (now,))
        conn.execute(
            "INSERT INTO oidc_tries (digest, verifier, nonce, back, expires_at) VALUES (%s, %s, %s, %s, %s)",
            (digest(state), verifier, nonce, back, now + TRY_LIFETIME),
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.terms.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.terms.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = str(found["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", state

    def finish(self, conn: Connection[Any], state: str, code: str, redirect_uri: str, now: datetime) -> tuple[Told, str]:
        """Who came, and the page to go on to. A state is good once. Raises OidcError."""
        tried = conn.execute(
            "DELETE FROM oidc_tries WHERE digest = %s AND expires_at > %s RETURNING verifier, nonce, back", (digest(state), now)
        ).fetchone()
        if tried is None:
            raise OidcError("This sign-in was begun too long ago, or is finished already; begin again.")
        verifier, nonce, back = tried
        found = self._discover()
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.terms.client_id,
            "code_verifier": verifier,
        }
        secret = self.terms.client_secret
        answer = self._ask("POST", str(found["token_endpoint"]), given, (self.terms.client_id, secret) if secret else None)
        claims = self._claims(found, str(answer.get("id_token") or ""), nonce)
        return self._told(claims), str(back)

    def check(self) -> int:
        """Does it answer as it must? Gives the number of keys that it signs with; nobody signs in. Raises OidcError."""
        keys = self._ask("GET", str(self._discover()["jwks_uri"])).get("keys")
        if not isinstance(keys, list) or not keys:
            raise OidcError("The identity provider publishes no keys, so nothing that it says could be proven.")
        return len(keys)

    def _discover(self) -> dict[str, Any]:
        found = self._ask("GET", self.terms.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != self.terms.issuer:
            raise OidcError(f"The identity provider calls itself {found.get('issuer')!r}, not {self.terms.issuer!r}; see oidc.issuer.")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not str(found.get(name, "")).startswith(("https://", "http://")):
                raise OidcError(f"The identity provider tells no {name}.")
        return found

    def _claims(self, found: Mapping[str, Any], token: str, nonce: str) -> dict[str, Any]:
        """What the ID token says, once it is proven to be the provider's, for us, in time, and of this very sign-in."""
        keys = self._ask("GET", str(found["jwks_uri"]))
        try:
            wanted = jwt.get_unverified_header(token).get("kid")
            known = [key for key in jwt.PyJWKSet.from_dict(keys).keys if wanted is None or key.key_id == wanted]
            if not known:
                raise OidcError("The identity provider signed with a key that it does not publish.")
            claims: dict[str, Any] = jwt.decode(
                token,
                known[0],
                algorithms=list(ALGORITHMS),
                audience=self.terms.client_id,
                issuer=self.terms.issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except (jwt.PyJWTError, ValueError) as wrong:
            raise OidcError(f"The identity provider's word cannot be relied on: {wrong}.") from None
        if not secrets.compare_digest(str(claims.get("nonce", "")), nonce):
            raise OidcError("The identity provider's word belongs to another sign-in.")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != self.terms.client_id:
            raise OidcError("The identity provider's word was given to somebody else.")
        return claims

    def _told(self, claims: Mapping[str, Any]) -> Told:
        value = claims.get(self.terms.role_claim)
        held = {str(one) for one in value} if isinstance(value, list) else {str(value)}
        # Who has several may do most as the last of them.
        role = next((one for one in reversed(ROLES) if held & set(self.terms.roles.get(one, ()))), None)
        name = str(claims.get("name") or claims.get("preferred_username") or claims.get("email") or claims["sub"])
        name = "".join(letter for letter in name if letter.isprintable()).strip()[:120] or str(claims["sub"])[:120]
        if role is None:
            raise OidcError(f"{name} has no role here: none of the values of {self.terms.role_claim!r} is named in oidc.roles.")
        return Told(str(claims["sub"]), name, role)

    def _ask(self, method: str, address: str, form: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None) -> dict[str, Any]:
        try:
            answer = httpx.request(method, address, data=form, auth=auth, headers={"Accept": "application/json"}, timeout=_TIMEOUT_SECONDS)
            told = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            raise OidcError("The identity provider does not answer; try again in a moment.") from None
        if not isinstance(told, dict):
            raise OidcError(f"The identity provider refused ({answer.status_code}); begin again.")
        return told
