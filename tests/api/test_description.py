"""The description of the API: it names every address, and the answers have the shapes that it promises."""

from typing import Any

import httpx
from pydantic import BaseModel

from api.bootstrap import House
from api.http import shapes
from tests.api.serving import address, credited, fact, initiated, refunded, tell

SHAPES: dict[str, type[BaseModel]] = {
    "/api/gaps": shapes.GapPage,
    "/api/summary": shapes.SummaryPage,
    "/api/returns": shapes.ReturnPage,
    "/api/returns/{merchant}/{platform}/{return_id}": shapes.ReturnAnswer,
    "/api/returns/{merchant}/{platform}/{return_id}/events": shapes.StepPage,
    "/api/tie-out": shapes.TieOutPage,
    "/api/journal": shapes.JournalPage,
}


def test_answers_have_the_shapes_that_are_promised(house: House, client: httpx.Client) -> None:
    tell(
        house,
        initiated("R/1", quantity=2),
        fact("Received", "R/1", lines=[{"line": "1", "quantity": 3}, {"line": "9", "quantity": 1}]),
        fact("Inspected", "R/1", lines=[{"line": "1", "quantity": 1, "disposition": "strange"}]),
        refunded("R/1", "50.00"),
        credited("R/1", "12.34"),
        fact("CreditNoteVoided", "R/1", "2026-10-09T00:00:00Z", credit_note="CN-R/1", erp="cin7"),
        fact("ExchangeOrdered", "R/1", order="X", status="draft"),
        fact("Cancelled", "R/1"),
        refunded("R-2"),
    )
    one = address("acme", "returngo", "R/1")
    for path, shape in SHAPES.items():
        asked = path.replace("/api/returns/{merchant}/{platform}/{return_id}", one)
        told = shape.model_validate(client.get(asked, params={"status": "all"} if path == "/api/gaps" else {}).json(), strict=False)
        rows = getattr(told, "items", None)
        assert rows is None or rows, path
    shapes.ProblemAnswer.model_validate(client.get("/api/gaps?x=1").json())
    shapes.ProblemAnswer.model_validate(client.get("/api/x").json())


def test_every_address_is_described(client: httpx.Client) -> None:
    told: dict[str, Any] = client.get("/api/openapi.json").json()
    assert told["openapi"].startswith("3.")
    others = {"/api/audit", "/api/exports/gaps.csv", "/api/exports/gaps.xlsx", "/acks/{erp}/{secret}", "/livez", "/readyz", "/metrics"}
    inbox = {"/api/inbox", "/api/inbox/{delivery}", "/api/inbox/{delivery}/replay"}
    deciding = {"/api/stalled", "/api/returns/{merchant}/{platform}/{return_id}/resolve"}
    assert SHAPES.keys() | others | inbox | deciding == {path for path in told["paths"] if not path.startswith("/api/outbox")}
    for path in SHAPES:
        answers = told["paths"][path]["get"]["responses"]
        assert answers.keys() >= {"200", "401", "404", "422", "503"}
        assert "$ref" in answers["200"]["content"]["application/json"]["schema"]
        assert answers["422"]["content"].keys() == {"application/problem+json"}
    names = {one["name"] for one in told["paths"]["/api/gaps"]["get"]["parameters"]}
    assert {
        "kind",
        "owner",
        "merchant",
        "platform",
        "currency",
        "return",
        "overdue",
        "status",
        "as_of",
        "known_at",
        "q",
        "sort",
        "limit",
        "cursor",
    } == names
    assert told["components"]["schemas"]["GapRow"]["examples"]
    shapes.GapRow.model_validate(told["components"]["schemas"]["GapRow"]["examples"][0])
