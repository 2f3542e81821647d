"""Keys: told once, kept as digests, and asked for wherever one is needed."""

import base64
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from adapters import keys
from api.bootstrap import House, clock
from api.http.app import make_app
from api.http.auth import PERMISSIONS, Guard, Permission
from tests.api.serving import Row, asking, assert_problem

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
OPEN = {"/livez", "/readyz", "/metrics", "/console/console.css", "/console/console.js", "/console/mark.svg"}
SIGNING_IN = {"/sign-in", "/sign-in/key", "/sign-in/link", "/sign-in/oidc", "/sign-in/oidc/return"}
ASKED = [
    "/api/gaps",
    "/api/summary",
    "/api/returns",
    "/api/returns/a/b/c",
    "/api/returns/a/b/c/events",
    "/api/tie-out",
    "/api/journal",
    "/api/exports/gaps.csv",
    "/api/exports/gaps.xlsx",
    "/api/openapi.json",
]


def test_a_key_is_told_once_and_kept_as_a_digest(house: House) -> None:
    with house.connection() as conn:
        made = keys.create(conn, role="auditor", name="Ms. Ö", now=NOW)
        assert made.key.startswith("rl_")
        assert len(base64.urlsafe_b64decode(made.key.removeprefix("rl_") + "=")) == 32
        assert made.key not in repr(made)
        everything = conn.execute("SELECT to_jsonb(api_keys)::text FROM api_keys").fetchall()
        assert made.key not in str(everything)
        assert keys.list_keys(conn) == [
            {
                "id": made.id,
                "role": "auditor",
                "name": "Ms. Ö",
                "created_at": "2026-11-01T12:00:00Z",
                "expires_at": None,
                "revoked_at": None,
            }
        ]
        assert keys.find(conn, made.key, NOW) == keys.Holder(made.id, "auditor", "Ms. Ö")
        for other in (made.key[:-1], made.key + "x", made.key.lower(), "rl_", "", "\x00"):
            assert keys.find(conn, other, NOW) is None


def test_a_key_ends_when_it_expires_or_is_revoked(house: House) -> None:
    with house.connection() as conn:
        made = keys.create(conn, role="ops", name=None, now=NOW, expires_at=NOW + timedelta(days=90))
        assert keys.find(conn, made.key, NOW + timedelta(days=90, microseconds=-1)) is not None
        assert keys.find(conn, made.key, NOW + timedelta(days=90)) is None
        assert keys.revoke(conn, made.id, NOW + timedelta(hours=1))
        assert not keys.revoke(conn, made.id, NOW + timedelta(hours=2))
        assert not keys.revoke(conn, "key_nobody", NOW)
        assert keys.find(conn, made.key, NOW + timedelta(hours=1)) is None
        assert keys.list_keys(conn)[0]["revoked_at"] == "2026-11-01T13:00:00Z"


def test_there_are_four_roles(house: House) -> None:
    with house.connection() as conn:
        for role in ("finance", "auditor", "ops", "admin"):
            assert keys.create(conn, role=role, name=None, now=NOW).role == role
        with pytest.raises(ValueError, match="finance, auditor, ops, admin"):
            keys.create(conn, role="root", name=None, now=NOW)
    assert PERMISSIONS.keys() == set(keys.ROLES)
    assert all(Permission.READ in permissions for permissions in PERMISSIONS.values())


def test_every_api_address_asks_for_a_key(house: House) -> None:
    with house.connection() as conn:
        made = {role: keys.create(conn, role=role, name=None, now=clock()).key for role in keys.ROLES}
        expired = keys.create(conn, role="admin", name=None, now=clock(), expires_at=clock() - timedelta(seconds=1)).key
    with asking(house, keys_needed=True) as client:
        for path in ASKED:
            for header in ({}, *({"Authorization": text} for text in _useless(made["admin"], expired))):
                answer = client.get(path, headers=header)
                assert_problem(answer, 401)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        for role, key in made.items():
            assert client.get("/api/gaps", headers={"Authorization": f"Bearer {key}"}).status_code == 200, role
        assert client.get("/api/gaps", headers={"Authorization": f"bearer {made['ops']}"}).status_code == 200
        told = client.get("/api/openapi.json", headers={"Authorization": f"Bearer {made['auditor']}"}).json()
        assert told["paths"]["/api/gaps"]["get"]["security"] == [{"key": []}]
        assert "security" not in told["paths"]["/livez"]["get"]
        # Whoever has no key learns nothing, not even whether the question was well put.
        assert_problem(client.get("/api/gaps", params={"kind": "nonsense"}), 401)


def _useless(key: str, expired: str) -> list[str]:
    basic = base64.b64encode(f"admin:{key}".encode()).decode()
    return ["", "Bearer", key, f"Basic {basic}", f"Token {key}", f"Bearer {key}x", f"Bearer {key} {key}", f"Bearer {expired}"]


def test_a_revoked_key_is_refused_at_once(house: House) -> None:
    with house.connection() as conn:
        made = keys.create(conn, role="finance", name=None, now=clock())
    with asking(house, keys_needed=True) as client:
        header = {"Authorization": f"Bearer {made.key}"}
        assert client.get("/api/gaps", headers=header).status_code == 200
        with house.connection() as conn:
            keys.revoke(conn, made.id, clock())
        assert_problem(client.get("/api/gaps", headers=header), 401)


def test_probes_are_open_and_tell_no_business(house: House) -> None:
    with asking(house, keys_needed=True) as client:
        for path in OPEN:
            assert client.get(path).status_code == 200


def test_every_route_declares_what_it_needs(house: House) -> None:
    app = make_app(house, demo=False, keys_needed=True)
    needed: dict[str, set[Permission]] = {}
    for route in iter_route_contexts(app.routes):
        guards = {one.dependency.permission for one in route.dependencies if isinstance(one.dependency, Guard)}
        needed[str(route.path)] = guards
    assert len(needed) > len(ASKED)
    assert {path for path, guards in needed.items() if len(guards) != 1} == set(), "each route needs exactly one permission"
    posted = {"/acks/{erp}/{secret}"}  # whose secret stands in the path
    assert {path for path, guards in needed.items() if guards == {Permission.OPEN}} == OPEN | posted | SIGNING_IN


def test_every_route_refuses_every_role_that_lacks_its_permission(house: House) -> None:
    with house.connection() as conn:
        made = {role: keys.create(conn, role=role, name=None, now=clock()).key for role in keys.ROLES}
    app = make_app(house, demo=False, keys_needed=True)
    tried = 0
    with asking(house, keys_needed=True) as client:
        for route in iter_route_contexts(app.routes):
            needed = next(one.dependency.permission for one in route.dependencies if isinstance(one.dependency, Guard))
            if needed is Permission.OPEN:
                continue
            path = re.sub(r"{[^}]+}", "1", str(route.path))
            for method in route.methods or ():
                assert client.request(method, path).status_code == 401, path
                for role, key in made.items():
                    if needed not in PERMISSIONS[role]:
                        assert_problem(client.request(method, path, headers={"Authorization": f"Bearer {key}"}), 403)
                        tried += 1
    assert tried > 20


def test_a_browser_without_a_key_is_told_so(house: House) -> None:
    with asking(house, keys_needed=True) as client:
        for path in ("/", "/returns", "/tie-out", "/kinds", "/find?q=R-1", "/returns/a/b/c"):
            sent_on = client.get(path, headers={"Accept": "text/html"})
            assert sent_on.status_code == 303
            assert "Basic" not in sent_on.headers["WWW-Authenticate"]
            page = client.get(sent_on.headers["location"], headers={"Accept": "text/html"})
            assert page.status_code == 200
            assert "key create --role auditor" in page.text
            assert f'name="back" value="{path}"' in page.text, "and back to where one wanted to go"


def test_without_keys_nobody_is_asked(client: httpx.Client) -> None:
    rows: list[Row] = client.get("/api/gaps").json()["items"]
    assert rows == []
    assert client.get("/api/openapi.json").status_code == 200
