"""Patchworks over HTTP: three ways to start a flow, and the Core API that tells what became of its runs.

A trigger's address is a secret (its signature stands in the query and never ends), so no message of this room shows one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import httpx

from adapters.erps.patchworks.acks import scrubbed
from adapters.erps.patchworks.envelope import Envelope, written
from adapters.erps.port import REFUSED, ErpSettings, WaitTurn
from adapters.files.exact_json import loads
from adapters.vendor.answers import Declined, NotUnderstood, Unknown, VendorRefused, VendorTrouble
from adapters.vendor.http import retry_after
from adapters.vendor.shapes import Document, first_text, listed, nested, objects

START_URL: Final = "https://start.wearepatchworks.com/api/v1"
CORE_URL: Final = "https://core.wearepatchworks.com/api/v1"
_API: Final = "/api/v1"
# How the vendor counts: 120 webhooks, 240 callbacks and 240 calls of the Core API a minute.
WEBHOOKS, CALLBACKS, CORE, START = "webhooks", "callbacks", "core", "start"
PAGE_ROWS: Final = 100
RUN_INCLUDES: Final = "trackedData,flowRunLogs"
MOST_PAGES: Final = 100
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
_AGAIN_LATER = (408, 425, 429)


class Sent(NamedTuple):
    """Patchworks has it, and has begun a run: which one, where it says so. What the flow makes of it is not known."""

    run: str | None = None


class Client:
    """Raises ValueError, with the key, for credentials that lead nowhere."""

    def __init__(self, settings: ErpSettings, http: httpx.Client, wait_turn: WaitTurn) -> None:
        self._http, self._wait_turn = http, wait_turn
        given = settings.credentials
        place = f"erps.{settings.name}.credentials"
        self.webhook_url = _address(given.get("webhook_url"), f"{place}.webhook_url")
        self.callback_url = _address(given.get("callback_url"), f"{place}.callback_url")
        self.flow_id, self._key = given.get("flow_id") or None, given.get("api_key") or None
        if self.flow_id is not None and self._key is None:
            raise ValueError(f"{place}.api_key is missing; to start flow {self.flow_id} by the Start API takes api_key and flow_id")
        if self.webhook_url is None and self.flow_id is None and self.callback_url is None:
            raise ValueError(f"{place}: Patchworks needs webhook_url, or api_key and flow_id")
        start, core = _roots(settings.base_url)
        self._start, self._core = _Roots(start), _Roots(core)
        self._webhooks_flow: str | None = None
        self._looked_for_flow = False

    @property
    def asks_runs(self) -> bool:
        """Can the runs of flows be asked about?"""
        return self._key is not None

    # Ways in

    def post_webhook(self, envelope: Envelope) -> Sent | Declined | Unknown:
        assert self.webhook_url is not None, "the way in was chosen by what is configured"
        answered = self._trigger(WEBHOOKS, "the webhook", self.webhook_url, written(envelope), {})
        return answered if isinstance(answered, Declined | Unknown) else _begun(answered)

    def start_flow(self, envelope: Envelope, *, raw: bool) -> Sent | Declined | Unknown:
        """`raw`: the envelope is the body; otherwise it is the text of `payload`."""
        body = written(envelope) if raw else json.dumps({"payload": written(envelope)})
        path = f"/flows/{self.flow_id}/start{'/raw' if raw else ''}"
        answered = self._trigger(START, f"the start of flow {self.flow_id}", path, body, self._keyed(), self._start)
        return answered if isinstance(answered, Declined | Unknown) else _begun(answered)

    def call_back(self, envelope: Envelope) -> Any:
        """The JSON that the flow gives back at once. Raises VendorTrouble where there is none, though the flow may have begun."""
        answered = self.post_callback(envelope)
        if isinstance(answered, Unknown):
            raise VendorTrouble(answered.reason)
        if isinstance(answered, Declined):
            raise NotUnderstood(answered.reason)
        return answered

    def post_callback(self, envelope: Envelope) -> Any | Declined | Unknown:
        assert self.callback_url is not None, "the way in was chosen by what is configured"
        answered = self._trigger(CALLBACKS, "the callback", self.callback_url, written(envelope), {})
        if isinstance(answered, Declined | Unknown):
            return answered
        try:
            return loads(answered.content.decode())
        except (ValueError, RecursionError):
            return Unknown("Patchworks answered the callback with what is no JSON; the answer may be torn")

    # The Core API

    def flow(self) -> Document | None:
        """The configured flow, where the list of flows has it."""
        rows = objects(listed(self._read("/flows", {"per_page": str(PAGE_ROWS)}), "data", "flows"))
        return next((row for row in rows if first_text(row, "id") == self.flow_id), None)

    def _flow_asked_about(self) -> str | None:
        """The configured flow, else the one that has the webhook; None where that cannot be told: then runs of all flows are looked at."""
        if self.flow_id is None and self.webhook_url is not None and not self._looked_for_flow:
            trigger = _trigger_id(self.webhook_url)
            try:
                content = self._read("/flows", {"include": "webhooks", "per_page": str(PAGE_ROWS)})
            except NotUnderstood:
                content = None
            rows = objects(listed(content, "data", "flows"))
            having = [first_text(row, "id") for row in rows if any(trigger in each.values() for each in objects(row.get("webhooks")))]
            self._webhooks_flow = having[0] if len(having) == 1 else None
            self._looked_for_flow = True
        return self.flow_id or self._webhooks_flow

    def runs(self, started_after_ms: int) -> list[Document]:
        """Flow runs started since, with what the flow kept of them, the newest first."""
        asked = {
            "sort": "-started_at",
            "include": RUN_INCLUDES,
            "filter[started_after]": str(started_after_ms),
            "per_page": str(PAGE_ROWS),
        }
        if (flow := self._flow_asked_about()) is not None:
            asked["filter[flow_id]"] = flow
        rows: list[Document] = []
        for page in range(1, MOST_PAGES + 1):
            content = self._listed(asked | {"page": str(page)})
            found = objects(listed(content, "data", "flow_runs"))
            rows += found
            if len(found) < PAGE_ROWS and not first_text(nested(content, "links"), "next"):
                return rows
            if not found:
                return rows
        raise VendorTrouble(f"Patchworks lists more than {MOST_PAGES * PAGE_ROWS} flow runs; they are asked about again later")

    def run(self, run: str) -> Document | None:
        """One run, by the id that its start was answered with."""
        content = self._read(f"/flow-runs/{run}", {"include": RUN_INCLUDES})
        return nested(content, "data") or (content if isinstance(content, Mapping) else None)

    def _listed(self, asked: Mapping[str, str]) -> Any:
        """Where a filter or an include is not taken, the list as it is: too much of it is no harm."""
        try:
            return self._read("/flow-runs", asked)
        except NotUnderstood:
            plain = {name: asked[name] for name in ("page", "per_page")}
        try:
            return self._read("/flow-runs", plain)
        except NotUnderstood as refused:
            raise VendorTrouble(str(refused)) from refused

    def logs(self, run: str) -> list[Document]:
        asked = {"include": "flowRunLogMetadata", "load_payload_ids": "true", "per_page": str(PAGE_ROWS)}
        return objects(listed(self._read(f"/flow-runs/{run}/flow-run-logs", asked), "data", "flow_run_logs"))

    def payload(self, payload_id: str) -> str | None:
        """A payload as text; None where it is not kept any more."""
        response = self._get(f"/payload-metadata/{payload_id}/download", {})
        return response.text if response is not None else None

    def _read(self, path: str, params: Mapping[str, str]) -> Any:
        """None where there is nothing at this address."""
        response = self._get(path, params)
        if response is None:
            return None
        try:
            return loads(response.content.decode())
        except (ValueError, RecursionError) as torn:
            raise VendorTrouble(f"Patchworks answered GET {path} with what is no JSON; the answer may be torn") from torn

    def _get(self, path: str, params: Mapping[str, str]) -> httpx.Response | None:
        asked = f"GET {path}"
        while True:
            self._wait_turn(CORE)
            try:
                headers = {**self._keyed(), "content-type": "application/json"}
                response = self._http.get(self._core.url + path, params=params, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL) as failure:
                raise VendorTrouble(f"Patchworks did not answer {asked}: {type(failure).__name__}") from failure
            _refused(response, asked)
            if response.status_code == 404:
                if self._core.another():
                    continue
                return None
            if not response.is_success:
                raise NotUnderstood(f"Patchworks refused {asked} with {response.status_code}: {_said(response)}")
            self._core.settle()
            return response

    def _trigger(
        self, quota: str, name: str, url: str, body: str, headers: Mapping[str, str], roots: _Roots | None = None
    ) -> httpx.Response | Declined | Unknown:
        """`url` is a path where there are roots. Raises only where it is certain that no flow has begun."""
        self._wait_turn(quota)
        try:
            kinds = {"accept": "application/json", "content-type": "application/json"}
            response = self._http.post((roots.url if roots else "") + url, content=body.encode(), headers={**kinds, **headers})
        except _NOT_SENT as failure:
            raise VendorTrouble(f"Patchworks cannot be reached for {name}: {type(failure).__name__}") from failure
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            return Unknown(f"Patchworks did not answer {name}: {type(failure).__name__}")
        status = response.status_code
        if status >= 500 or response.is_redirect:
            return Unknown(f"Patchworks answered {name} with {status}")
        if status == 404:
            if roots is not None and roots.another():
                return self._trigger(quota, name, url, body, headers, roots)
            raise VendorRefused(f"Patchworks has nothing at the address of {name}: check it, and that the flow is deployed and enabled")
        _refused(response, name)
        if not response.is_success:
            what_to_do = "see to what Patchworks says about the payload, then let it be sent again (retry)"
            return Declined(REFUSED, f"Patchworks refused {name} with {status}: {_said(response)}", what_to_do)
        if roots is not None:
            roots.settle()
        return response

    def _keyed(self) -> dict[str, str]:
        """An API key goes as it is; what is a token of a login says so."""
        key = self._key or ""
        return {"accept": "application/json", "authorization": f"Bearer {key}" if key.startswith("ey") and key.count(".") == 2 else key}


class _Roots:
    """Where an API begins: as configured with `/api/v1`, or without, until an answer has shown which."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._urls, self._settled = urls, len(urls) == 1

    @property
    def url(self) -> str:
        return self._urls[0]

    def another(self) -> bool:
        """Nothing is there: is another root left to be tried?"""
        if self._settled:
            return False
        self._urls, self._settled = self._urls[1:] or self._urls, len(self._urls) <= 2
        return True

    def settle(self) -> None:
        self._urls, self._settled = self._urls[:1], True


def _roots(base_url: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the Start API and the Core API: the vendor's two hosts, or one that stands for both."""
    if base_url is None:
        return (START_URL,), (CORE_URL,)
    parts = urlsplit(base_url.rstrip("/"))
    first, _, domain = parts.netloc.partition(".")
    hosts = (f"start.{domain}", f"core.{domain}") if first in ("start", "core") and domain else (parts.netloc, parts.netloc)
    urls = [urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/") for host in hosts]
    if parts.path.endswith(_API):
        return (urls[0],), (urls[1],)
    return (urls[0] + _API, urls[0]), (urls[1] + _API, urls[1])


def _trigger_id(url: str) -> str:
    """`…/api/v1/{company}/{webhook}` or with the prefix of a virtual environment behind it."""
    parts = [part for part in urlsplit(url).path.split("/") if part]
    if "v1" in parts[:-2]:
        return parts[parts.index("v1") + 2]
    return parts[-1] if parts else ""


def _address(url: str | None, key: str) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{key} is no address; copy the whole URL of the trigger, with its patchworks_signature")
    return url


def _begun(response: httpx.Response) -> Sent:
    """How the id of the run is called is not published."""
    try:
        content = loads(response.content.decode())
    except (ValueError, RecursionError):
        return Sent()
    for holder in (content, nested(content, "data"), nested(content, "flow_run"), nested(content, "data", "flow_run")):
        if isinstance(holder, Mapping):
            found = first_text(holder, "flow_run_id", "flowRunId", "run_id", "runId", "flow_run", "id")
            if found is not None:
                return Sent(found)
    return Sent()


def _refused(response: httpx.Response, asked: str) -> None:
    status = response.status_code
    if status in (401, 403):
        raise VendorRefused(f"Patchworks refused {asked} with {status}: check the credentials of this ERP, and their rights")
    if status in _AGAIN_LATER or status >= 500:
        raise VendorTrouble(f"Patchworks answered {asked} with {status}", retry_after(response))
    if response.is_redirect:
        raise VendorTrouble(f"Patchworks answered {asked} with {status}, which leads elsewhere: check the ERP's base_url")


def _said(response: httpx.Response) -> str:
    return scrubbed(response.text[:2000]) or "nothing more"
