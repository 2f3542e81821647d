"""Linnworks' HTTP API: a session per application, one path a method, JSON bodies, and what an answer is worth for a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import httpx

from adapters.erps.port import REFUSED, ErpSettings, WaitTurn
from adapters.files.exact_json import dumps, loads
from adapters.vendor.answers import NotUnderstood, VendorRefused, VendorTrouble
from adapters.vendor.http import retry_after
from adapters.vendor.shapes import first_text, nested, text

BASE_URL: Final = "https://api.linnworks.net"
AUTHORISE: Final = "Auth/AuthorizeByApplication"
CREDENTIALS: Final = ("application_id", "application_secret", "token")
# Session states in which the account answers nothing useful.
_CLOSED: Final = ("LOCKED_BASIC", "LOCKED_FULL", "MAINTENANCE")
# The request never left us.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError, httpx.InvalidURL)
_SHOWN_CHARACTERS: Final = 200
READ_TRIES: Final = 3


class Lost(Exception):
    """A write was sent, and nobody knows what became of it."""


class No(Exception):
    """Linnworks says no, or would: `code` is a word of the port."""

    def __init__(self, code: str, reason: str, what_to_do: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.what_to_do = code, reason, what_to_do


class NoSuchMethod(No):
    """This server does not have the method at all."""


class _Busy(VendorTrouble):
    """Too many requests, or the account is closed for a while: asking again at once makes it worse."""


class _Session(NamedTuple):
    token: str
    server: str


class LinnworksClient:
    """A session expires after 20 idle minutes [V]; a call that is refused for it is made once more with a new one.

    `wrote` tells whether anything may have been written since `begin`.
    """

    def __init__(self, settings: ErpSettings, http: httpx.Client, wait_turn: WaitTurn) -> None:
        for name in CREDENTIALS:
            if not settings.credentials.get(name):
                raise ValueError(f"erps.{settings.name}.credentials.{name} is missing; Linnworks needs {', '.join(CREDENTIALS)}")
        self._credentials = settings.credentials
        self._http = http
        self._wait_turn = wait_turn
        self._base_url = (settings.base_url or BASE_URL).rstrip("/")
        self._session: _Session | None = None
        self.wrote = False

    def begin(self) -> None:
        self.wrote = False

    def get(self, method: str, **params: str) -> Any:
        """A GET. None for what is not there. Raises VendorTrouble, VendorRefused, and NotUnderstood where the request itself is refused."""
        return self._read("GET", method, params, None)

    def ask(self, method: str, content: Any) -> Any:
        """A POST that only reads."""
        return self._read("POST", method, None, content)

    def write(self, method: str, content: Any) -> Any:
        """A POST that changes something; None where the answer has no body.

        Raises Lost where nobody knows what became of it, No where Linnworks refuses it; VendorTrouble and VendorRefused only where
        nothing was done by it.
        """
        try:
            response = self._answer("POST", method, None, content)
        except _NOT_SENT as failure:
            raise VendorTrouble(f"Linnworks cannot be reached for {method}: {_named(failure)}") from failure
        except httpx.HTTPError as failure:
            self.wrote = True
            raise Lost(f"Linnworks did not answer {method}: {_named(failure)}") from failure
        status = response.status_code
        if status >= 500 or response.is_redirect or status == 408:
            self.wrote = True
            raise Lost(f"Linnworks answered {method} with {status}")
        _refused(response, method)
        if not response.is_success:
            refusal = NoSuchMethod if status == 404 else No
            raise refusal(REFUSED, f"Linnworks refused {method}: {_said(response)}", "mend what it names in Linnworks, then retry")
        self.wrote = True
        if status == 204 or not response.content.strip():
            return None
        try:
            return loads(response.content.decode())
        except (ValueError, RecursionError) as torn:
            raise Lost(f"Linnworks answered {method} with what is no JSON; the answer may be torn") from torn

    def _read(self, verb: str, method: str, params: Mapping[str, str] | None, content: Any) -> Any:
        """An instruction takes many reads: one that fails in passing is asked again at once, not the whole instruction later."""
        for left in range(READ_TRIES - 1, 0, -1):
            try:
                return self._read_once(verb, method, params, content)
            except VendorTrouble as trouble:
                asked_to_wait = trouble.retry_after_seconds is not None or isinstance(trouble, _Busy)
                if asked_to_wait or (isinstance(trouble.__cause__, httpx.TimeoutException) and left < READ_TRIES - 1):
                    raise
        return self._read_once(verb, method, params, content)

    def _read_once(self, verb: str, method: str, params: Mapping[str, str] | None, content: Any) -> Any:
        try:
            response = self._answer(verb, method, params, content)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise VendorTrouble(f"Linnworks did not answer {method}: {_named(failure)}") from failure
        _refused(response, method)
        if response.status_code in (204, 404):
            return None
        if not response.is_success:
            raise NotUnderstood(f"Linnworks refused {method} with {response.status_code}: {_said(response)}")
        return _content(response, method)

    def _answer(self, verb: str, method: str, params: Mapping[str, str] | None, content: Any) -> httpx.Response:
        kept = self._session
        session = kept or self._authorise()
        response = self._send(session, verb, method, params, content)
        if response.status_code == 401:
            self._session = None
            if kept is not None:
                response = self._send(self._authorise(), verb, method, params, content)
            if response.status_code == 401:
                # The credentials are good, or there were no session: another program with the same ones has ended it.
                self._session = None
                raise VendorTrouble(f"Linnworks refused {method} with 401 to a session that it has just given")
        return response

    def _send(self, session: _Session, verb: str, method: str, params: Mapping[str, str] | None, content: Any) -> httpx.Response:
        self._wait(method)
        headers = {"accept": "application/json", "authorization": session.token}
        if content is None:
            return self._http.request(verb, f"{session.server}/api/{method}", params=params, headers=headers)
        body = dumps(content).encode()
        return self._http.request(
            verb, f"{session.server}/api/{method}", params=params, content=body, headers={**headers, "content-type": "application/json"}
        )

    def _wait(self, method: str) -> None:
        try:
            self._wait_turn(method)
        except VendorTrouble as full:
            raise _Busy(str(full), full.retry_after_seconds) from full

    def _authorise(self) -> _Session:
        self._wait(AUTHORISE)
        application_id, secret, token = (self._credentials[name] for name in CREDENTIALS)
        asked = {"ApplicationId": application_id, "ApplicationSecret": secret, "Token": token}
        try:
            response = self._http.post(f"{self._base_url}/api/{AUTHORISE}", json=asked, headers={"accept": "application/json"})
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise VendorTrouble(f"Linnworks did not answer {AUTHORISE}: {_named(failure)}") from failure
        _refused(response, AUTHORISE)
        if not response.is_success:
            check = f"check {', '.join(CREDENTIALS)} and base_url"
            raise VendorRefused(f"Linnworks refused {AUTHORISE} with {response.status_code}: {check}")
        session = _content(response, AUTHORISE)
        state = first_text(nested(session, "Status"), "State")
        if state in _CLOSED:
            raise _Busy(f"the Linnworks account is {state}: {first_text(nested(session, 'Status'), 'Reason') or 'no reason given'}")
        found = first_text(session, "Token") if isinstance(session, Mapping) else None
        if found is None:
            raise VendorTrouble(f"Linnworks answered {AUTHORISE} without a session token")
        server = (text(session.get("Server")) or self._base_url).rstrip("/")
        self._session = _Session(found, server if "://" in server else f"https://{server}")
        return self._session


def _refused(response: httpx.Response, method: str) -> None:
    status = response.status_code
    if status in (401, 403):
        raise VendorRefused(f"Linnworks refused {method} with {status}: check this ERP's credentials, and the application's permissions")
    if status == 429:
        raise _Busy(f"Linnworks answered {method} with 429", retry_after(response))
    if status in (408, 425) or status >= 500:
        raise VendorTrouble(f"Linnworks answered {method} with {status}", retry_after(response))
    if response.is_redirect:
        raise VendorTrouble(f"Linnworks answered {method} with {status}, which leads elsewhere: check base_url")


def _content(response: httpx.Response, method: str) -> Any:
    try:
        return loads(response.content.decode())
    except (ValueError, RecursionError) as torn:
        raise VendorTrouble(f"Linnworks answered {method} with what is no JSON; the answer may be torn") from torn


def _named(failure: Exception) -> str:
    return f"{type(failure).__name__} {failure}".strip()[:_SHOWN_CHARACTERS]


def _said(response: httpx.Response) -> str:
    """The `Message` of Linnworks' errors, else what it sent."""
    try:
        message = first_text(nested(loads(response.content.decode())), "Message", "detail", "title")
    except (ValueError, RecursionError):
        message = None
    return " ".join((message or response.text).split())[:_SHOWN_CHARACTERS] or "nothing more"
