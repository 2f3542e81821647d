"""Signing in to the console: by key, by link, by an identity provider; what a visit may do, and how it ends."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from adapters import audit, keys, people, sessions
from api.bootstrap import House, clock
from api.console.signing import own_page
from api.http.app import make_app
from api.settings import Oidc
from tests.api.serving import initiated, served, tell
from tests.console.provider import CLIENT, SECRET, Provider

HTML = {"Accept": "text/html"}
DECIDE = "/returns/acme/returngo/R-1/decide"


@contextmanager
def browsing(house: House) -> Iterator[httpx.Client]:
    with served(make_app(house, demo=False, keys_needed=True)) as address, httpx.Client(base_url=address, timeout=30, headers=HTML) as one:
        yield one


@pytest.fixture
def browser(house: House) -> Iterator[httpx.Client]:
    with browsing(house) as one:
        yield one


def link_for(house: House, name: str = "Ada", role: str = "ops") -> str:
    with house.connection() as conn:
        return people.make_link(conn, people.named(conn, name) or people.add(conn, name, role, clock()), clock())


def come_in(browser: httpx.Client, house: House, name: str = "Ada", role: str = "ops") -> None:
    answer = browser.post("/sign-in/link", data={"token": link_for(house, name, role)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def token_on(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def noted(house: House) -> list[tuple[Any, ...]]:
    with house.connection() as conn:
        return [(row["what"], row["who"], row["role"]) for row in reversed(audit.entries(conn, limit=100))]


def test_a_link_signs_in_once_and_is_not_used_up_by_looking(house: House, browser: httpx.Client) -> None:
    token = link_for(house)
    for _ in range(2):
        shown = browser.get("/sign-in/link", params={"token": token})
        assert shown.status_code == 200
        assert "set-cookie" not in shown.headers
    answer = browser.post("/sign-in/link", data={"token": token})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie, "over plain HTTP a browser would throw it away"
    assert ">Ada</a>" in browser.get("/").text
    browser.cookies.clear()
    assert browser.post("/sign-in/link", data={"token": token}).status_code == 403
    with house.connection() as conn:
        rows = "SELECT to_jsonb(s)::text FROM sessions s UNION SELECT to_jsonb(l)::text FROM sign_in_links l"
        everything = str(conn.execute(rows).fetchall())
    assert token not in everything, "only digests are kept"
    assert noted(house) == [("sign_in", "Ada", "ops"), ("sign_in.failed", None, None)]


def test_a_link_ends_with_time_with_the_next_one_and_with_its_person(house: House) -> None:
    now = clock()
    with house.connection() as conn:
        ada = people.add(conn, "Ada", "ops", now)
        old = people.make_link(conn, ada, now - people.LINK_LIFETIME - timedelta(seconds=1))
        assert people.use_link(conn, old, now) is None
        first, second = people.make_link(conn, ada, now), people.make_link(conn, ada, now)
        assert people.use_link(conn, first, now) is None
        assert people.disable(conn, "Ada", now)
        assert people.use_link(conn, second, now) is None
        with pytest.raises(people.NameTaken):
            people.add(conn, "Ada", "ops", now)


def test_a_key_signs_in_and_its_visit_ends_with_it(house: House, browser: httpx.Client) -> None:
    with house.connection() as conn:
        made = keys.create(conn, role="finance", name="Grace", now=clock())
    answer = browser.post("/sign-in/key", data={"key": made.key, "back": "/gaps?kind=short"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/gaps?kind=short")
    assert browser.get("/gaps").status_code == 200
    assert browser.get("/api/gaps").status_code == 200
    with house.connection() as conn:
        keys.revoke(conn, made.id, clock())
    assert browser.get("/gaps").status_code == 303
    assert browser.get("/api/gaps", headers={"Accept": "application/json"}).status_code == 401


def test_what_changes_something_needs_the_form_token_of_this_very_visit(house: House, browser: httpx.Client) -> None:
    tell(house, initiated("R-1"))
    come_in(browser, house)
    form = {"action": "note", "text": "looked"}
    token = token_on(browser.get("/visits").text)
    with browsing(house) as other:
        come_in(other, house, "Eve")
        foreign = token_on(other.get("/visits").text)
    for wrong in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "é"}):
        assert browser.post(DECIDE, data=form | wrong).status_code == 403
    assert browser.post(DECIDE, data=form | {"csrf": token}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    resolve = "/api/returns/acme/returngo/R-1/resolve"
    assert browser.post(resolve, json=form).status_code == 403, "the API, too, as a cookie comes along by itself"
    assert browser.post(resolve, json=form, headers={"X-CSRF-Token": token}).status_code == 200
    assert browser.post(DECIDE, data={"action": "note", "text": "again", "csrf": token}).status_code == 303
    page = browser.get("/returns/acme/returngo/R-1?view=raw").text
    assert "looked" in page
    assert "Ada" in page


def test_a_visit_ends_when_idle_when_old_and_when_somebody_ends_it(house: House) -> None:
    now, idle, life = clock(), timedelta(hours=2), timedelta(hours=12)
    with house.connection() as conn:
        ada = people.add(conn, "Ada", "ops", now)
        token = sessions.begin(conn, "link", now, life, person=ada.id)
        assert sessions.find(conn, token, now + idle - timedelta(seconds=1), idle)
        assert sessions.find(conn, token, now + 2 * idle - timedelta(seconds=2), idle), "what is seen is not idle"
        assert sessions.find(conn, token, now + 4 * idle, idle) is None
        other = sessions.begin(conn, "link", now, life, person=ada.id)
        for hours in range(1, 12):
            assert sessions.find(conn, other, now + timedelta(hours=hours), idle)
        assert sessions.find(conn, other, now + life, idle) is None
        last = sessions.begin(conn, "link", now, life, person=ada.id)
        conn.execute("UPDATE people SET role = 'auditor'")
        found = sessions.find(conn, last, now, idle)
        assert found
        assert found.role == "auditor", "the role is the one of now"
        people.disable(conn, "Ada", now)
        assert sessions.find(conn, last, now, idle) is None


def test_somebody_sees_and_ends_their_own_visits_only(house: House, browser: httpx.Client) -> None:
    come_in(browser, house)
    with browsing(house) as phone, browsing(house) as stranger:
        come_in(phone, house)
        come_in(stranger, house, "Eve")
        page = browser.get("/visits").text
        ids = re.findall(r"/visits/(visit_[0-9a-f]+)/end", page)
        assert len(ids) == 1
        stranger.post(f"/visits/{ids[0]}/end", data={"csrf": token_on(stranger.get("/visits").text)})
        assert phone.get("/gaps").status_code == 200
        assert browser.post(f"/visits/{ids[0]}/end", data={"csrf": token_on(page)}).status_code == 303
        assert phone.get("/gaps").status_code == 303
        come_in(phone, house)
        assert browser.post("/visits/all/end", data={"csrf": token_on(page)}).headers["location"] == "/sign-in"
        assert [one.get("/gaps").status_code for one in (browser, phone, stranger)] == [303, 303, 200]
    assert ("sessions.ended", "Ada", "ops") in noted(house)


def test_after_ten_failures_an_address_has_to_wait(house: House, browser: httpx.Client) -> None:
    good = link_for(house)
    for _ in range(audit.MOST_FAILURES):
        assert browser.post("/sign-in/key", data={"key": "rl_guess"}).status_code == 403
    late = browser.post("/sign-in/link", data={"token": good})
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) > 0
    with house.connection() as conn:
        assert not audit.too_many_failures(conn, "127.0.0.1", clock() + audit.FAILURES_WITHIN)


def test_the_first_admin_has_a_link_until_somebody_came(house: House, browser: httpx.Client) -> None:
    with house.connection() as conn:
        first = people.first_admin(conn, clock())
        again = people.first_admin(conn, clock())
    assert first
    assert again
    assert first != again
    assert browser.post("/sign-in/link", data={"token": first}).status_code == 403
    assert browser.post("/sign-in/link", data={"token": again}).status_code == 303
    with house.connection() as conn:
        assert people.first_admin(conn, clock()) is None


def test_one_goes_on_only_to_pages_of_this_house() -> None:
    assert own_page("/gaps?q=a b") == "/gaps?q=a b"
    others = ("//evil.example", "/\\evil.example", "https://evil.example/")
    for elsewhere in (None, "", "gaps", *others, "/a\r\nSet-Cookie: x", "/sign-in?back=/"):
        assert own_page(elsewhere) == "/"


def test_exports_and_use_of_keys_are_noted_and_shown_to_auditors(house: House, browser: httpx.Client) -> None:
    with house.connection() as conn:
        made = {role: keys.create(conn, role=role, name=role, now=clock()).key for role in keys.ROLES}
    come_in(browser, house)
    assert browser.get("/api/exports/gaps.csv?kind=refund_without_credit_note").status_code == 200
    for _ in range(3):
        assert browser.get("/api/gaps", headers={"Authorization": f"Bearer {made['finance']}"}).status_code == 200
    seen = {role: browser.get("/api/audit", headers={"Authorization": f"Bearer {key}"}) for role, key in made.items()}
    assert {role: answer.status_code for role, answer in seen.items()} == {"finance": 403, "auditor": 200, "ops": 403, "admin": 200}
    rows = seen["admin"].json()["items"]
    exported = [row for row in rows if row["what"] == "export"]
    assert [(row["who"], row["detail"]) for row in exported] == [("Ada", "/api/exports/gaps.csv?kind=refund_without_credit_note")]
    assert sum(row["what"] == "key.used" and row["who"] == "finance" for row in rows) == 1, "once an hour is enough"


def test_the_audit_is_a_page_for_those_who_may_see_it(house: House, browser: httpx.Client) -> None:
    seen = {}
    for role in keys.ROLES:
        browser.cookies.clear()
        come_in(browser, house, f"{role} <b>", role)
        seen[role] = (browser.get("/audit").status_code, 'href="/audit"' in browser.get("/returns").text)
    assert seen == {"finance": (403, False), "auditor": (200, True), "ops": (403, False), "admin": (200, True)}
    browser.cookies.clear()
    assert 'href="/audit"' not in browser.get("/sign-in").text
    assert browser.get("/audit", headers={"Accept": "text/html"}).headers["location"] == "/sign-in?back=%2Faudit"


def test_the_audit_is_narrowed_and_paged(house: House, browser: httpx.Client) -> None:
    begun = clock().replace(year=clock().year - 1, hour=12)
    with house.connection() as conn:
        for number in range(7):
            what, who = ("export", "Ada") if number % 2 else ("sign_in", "Bo")
            audit.record(conn, what, begun + timedelta(days=number), who=who, role="ops", address="::1", detail=f"<{number}>")  # type: ignore[arg-type]
    come_in(browser, house, "Cy", "auditor")

    def details(**asked: str) -> list[str]:
        told = browser.get("/audit", params=asked)
        assert told.status_code == 200
        listed = re.findall(r'"said-cell">&lt;(\d)&gt;<', told.text)
        in_api = browser.get("/api/audit", params={"limit": "100"} | asked).json()["items"]
        assert listed == [one["detail"].strip("<>") for one in in_api if one["detail"].startswith("<")]
        return listed

    day = [f"{begun + timedelta(days=number):%Y-%m-%d}" for number in range(7)]
    assert details() == ["6", "5", "4", "3", "2", "1", "0"]
    assert details(what="export") == ["5", "3", "1"]
    assert details(who="Bo", **{"from": day[2]}) == ["6", "4", "2"]
    assert details(to=day[3], **{"from": day[2]}) == ["3", "2"]
    assert details(who="nobody") == []
    first = browser.get("/audit", params={"who": "Bo", "limit": "2"}).text
    onward = re.search(r'href="(/audit[^"]*cursor=[^"]*)"', first)
    assert onward
    assert re.findall(r"&lt;(\d)&gt;", browser.get(html.unescape(onward[1])).text) == ["2", "0"]
    assert browser.get("/audit", params={"from": "yesterday"}).status_code == 422


@pytest.fixture
def provider(house: House) -> Iterator[Provider]:
    one = Provider()
    with served(one.app()) as address:
        one.issuer = address
        roles = {"finance": ["returns-finance"], "admin": ["boss"]}
        given = {"issuer": address, "client_id": CLIENT, "client_secret": SECRET, "roles": roles}
        house.settings = house.settings.model_copy(update={"oidc": TypeAdapter(Oidc).validate_python(given)})
        yield one


def by_provider(browser: httpx.Client) -> httpx.Response:
    """As a browser goes: to the provider, and back with what it gives."""
    there = browser.get("/sign-in/oidc", params={"back": "/work"})
    assert there.status_code == 303
    return browser.get(httpx.get(there.headers["location"]).headers["location"])


def test_the_identity_provider_says_who_comes_and_with_which_role(house: House, browser: httpx.Client, provider: Provider) -> None:
    answer = by_provider(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/work")
    assert ">Ada Ö</a>" in browser.get("/work").text
    assert "as finance" in browser.get("/visits").text
    provider.who["groups"] = ["other", "boss"]
    by_provider(browser)
    assert "as admin" in browser.get("/visits").text
    with house.connection() as conn:
        assert [row["name"] for row in people.listed(conn, clock())] == ["Ada Ö"]
        people.disable(conn, "Ada Ö", clock())
    assert by_provider(browser).status_code == 403


@pytest.mark.parametrize(
    ("lie", "forge"),
    [
        ({}, True),
        ({"iss": "https://evil.example"}, False),
        ({"aud": "somebody-else"}, False),
        ({"aud": [CLIENT, "somebody-else"]}, False),
        ({"nonce": "of another sign-in"}, False),
        ({"exp": 1_000_000_000}, False),
        ({"groups": ["nobody"]}, False),
        ({"groups": None}, False),
    ],
)
def test_whom_the_provider_cannot_prove_stays_out(
    house: House, browser: httpx.Client, provider: Provider, lie: dict[str, Any], forge: bool
) -> None:
    provider.lie, provider.forge = lie, forge
    answer = by_provider(browser)
    assert answer.status_code == 403
    assert "returns_ledger" not in browser.cookies
    assert [what for what, _, _ in noted(house)] == ["sign_in.failed"]


def test_a_state_is_of_one_browser_and_good_once(browser: httpx.Client, provider: Provider, house: House) -> None:
    there = browser.get("/sign-in/oidc")
    back = httpx.get(there.headers["location"]).headers["location"]
    with browsing(house) as victim:
        taken = victim.get(back.replace(str(browser.base_url).rstrip("/"), ""))
        assert taken.status_code == 403, "somebody else's sign-in is not taken over"
    cookies = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    browser.cookies.update(cookies)
    assert browser.get(back).status_code == 403


def test_a_provider_that_is_away_is_told_plainly(house: House, browser: httpx.Client, provider: Provider) -> None:
    assert house.settings.oidc
    away = house.settings.oidc.model_copy(update={"issuer": "http://127.0.0.1:9"})
    house.settings = house.settings.model_copy(update={"oidc": away})
    answer = browser.get("/sign-in/oidc")
    assert answer.status_code == 403
    assert "does not answer" in answer.text
