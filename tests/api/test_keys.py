"""Keys: told once, kept as digests, and asked for wherever one is needed."""

import base64
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
OPEN = {"/livez", "/readyz", "/metrics", "/console/console.css", "/console/mark.svg"}
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
    assert {path for path, guards in needed.items() if guards == {Permission.OPEN}} == OPEN | posted


def test_a_browser_without_a_key_is_told_so(house: House) -> None:
    with asking(house, keys_needed=True) as client:
        for path in ("/", "/returns", "/tie-out", "/kinds", "/find?q=R-1", "/returns/a/b/c"):
            page = client.get(path, headers={"Accept": "text/html"})
            assert page.status_code == 401
            assert "key create --role auditor" in page.text
            assert "Basic" not in page.headers["WWW-Authenticate"]


def test_without_keys_nobody_is_asked(client: httpx.Client) -> None:
    rows: list[Row] = client.get("/api/gaps").json()["items"]
    assert rows == []
    assert client.get("/api/openapi.json").status_code == 200
