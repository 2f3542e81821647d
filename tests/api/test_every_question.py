"""Questions made from the API's own description, by every role: nothing breaks, nobody gets beyond the role, every no is a problem."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi.routing import iter_route_contexts
from hypothesis import HealthCheck, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import response_schema_conformance

from adapters import keys
from api.bootstrap import House, clock
from api.http.app import make_app
from api.http.auth import PERMISSIONS, Guard, Permission
from tests.api.serving import credited, fact, initiated, open_test_house, refunded, served, tell

# Bounded, and the same every time: what is found is found by everybody.
QUESTIONS = 4


@pytest.fixture(scope="module")
def asked_house(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str, dict[str, str]]]:
    with open_test_house(database, tmp_path_factory.mktemp("asked")) as house:
        tell(house, initiated("R-1"), fact("Received", "R-1"), refunded("R-1", "50.00"), credited("R-1", "12.34"), refunded("R-2"))
        with house.connection() as conn:
            made = {role: keys.create(conn, role=role, name=role, now=clock()).key for role in keys.ROLES}
        with served(make_app(house, demo=False, keys_needed=True)) as address:
            yield house, address, made


def permissions(house: House) -> dict[tuple[str, str], Permission]:
    found: dict[tuple[str, str], Permission] = {}
    for route in iter_route_contexts(make_app(house, demo=False, keys_needed=True).routes):
        guard = next(one.dependency for one in route.dependencies if isinstance(one.dependency, Guard))
        found |= {(method, str(route.path)): guard.permission for method in route.methods or ()}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("role", [*keys.ROLES, None])
def test_no_question_breaks_the_house_or_goes_beyond_a_role(asked_house: tuple[House, str, dict[str, str]], role: str | None) -> None:
    house, address, made = asked_house
    header = {"Authorization": f"Bearer {made[role]}"} if role else {}
    described = {"Authorization": f"Bearer {made['auditor']}"}
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json", headers=described)
    needed, wrong, asked = permissions(house), list[str](), 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        told = answers(operation, header, needed[operation.method.upper(), operation.path], role)
        asked += len(told)
        wrong += filter(None, told)
    assert wrong == []
    assert asked > 60


def answers(
    operation: schemathesis.APIOperation[Any, Any, Any, Any], header: dict[str, str], permission: Permission, role: str | None
) -> list[str]:
    """For each question what is wrong with its answer, or nothing."""
    told: list[str] = []

    @settings(max_examples=QUESTIONS, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        if "return_id" in case.path_parameters and len(told) % 2:
            case.path_parameters |= {"merchant": "acme", "platform": "returngo", "return_id": "R-1"}  # one that is there
        answer = case.call(headers=header)
        wrong = list(wrongs(answer, permission, role))
        try:
            if answer.status_code < 400:
                case.validate_response(answer, checks=[response_schema_conformance])
        except FailureGroup as failures:
            wrong.append(str(failures.exceptions[0]))
        told.append(f"{case.method} {case.path} {case.query!r}"[:300] + f": {'; '.join(wrong)}" if wrong else "")

    ask()
    return told


def wrongs(answer: Response, permission: Permission, role: str | None) -> Iterator[str]:
    status = answer.status_code
    if status >= 500:
        yield f"broke with {status}"
    if status >= 400 and answer.headers["content-type"] != ["application/problem+json"]:
        yield f"{status} is no problem+json"
    if permission is Permission.OPEN:
        return
    if role is None:
        if status != 401:
            yield f"{status} for nobody"
    elif permission not in PERMISSIONS[role]:
        if status != 403:
            yield f"{status} beyond the role {role}"
    elif status == 401:
        yield f"401 for a good key of {role}"
