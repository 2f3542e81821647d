"""What users type, and what they get: answers, exit codes, and one line for whatever is wrong."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.typing import Terminal

WHO: dict[str, Any] = {"merchant": "acme", "platform": "returngo", "return": "R-1"}
INITIATED = WHO | {
    "fact": "Initiated",
    "occurred_at": "2026-10-01T09:00:00Z",
    "order": "#1001",
    "currency": "GBP",
    "resolution": "refund",
    "erp": "cin7",
    "lines": [{"line": "L1", "sku": "SKU-1", "quantity": 2, "items": "40.00", "tax": "8.00"}],
}
RECEIVED = WHO | {"fact": "Received", "occurred_at": "2026-10-02T09:00:00Z"}
REFUNDED = WHO | {
    "fact": "Refunded",
    "occurred_at": "2026-10-02T10:00:00Z",
    "refund": "R-9",
    "currency": "GBP",
    "amount": {"items": "40.00", "tax": "8.00", "shipping": "0.00", "fees": "-2.01", "total": "45.99"},
    "method": "original_payment",
}
CREDITED = WHO | {
    "fact": "CreditNoted",
    "occurred_at": "2026-10-03T10:00:00Z",
    "credit_note": "CN-3",
    "erp": "cin7",
    "currency": "GBP",
    "amount": {"items": "40.00", "tax": "8.00", "shipping": "0.00", "fees": "0.00", "total": "48.00"},
}
COLUMNS = [
    "kind", "return", "merchant", "platform", "erp", "order", "line", "sku", "currency", "amount", "units", "owner", "assigned_to",
    "opened_at", "due_at", "overdue", "closed_at", "breakdown", "explanation", "evidence",
]  # fmt: skip
CONNECTION = '[[connections]]\nname = "uk"\nmerchant = "acme"\nplatform = "returngo"\n'
STORY: list[dict[str, Any]] = [INITIATED, RECEIVED, REFUNDED, CREDITED]


@pytest.fixture
def told(terminal: Terminal) -> Terminal:
    typed = terminal.type("import", terminal.facts_file("story.jsonl", STORY), "--as", "facts", "--json")
    assert typed.code == 0
    assert typed.rows[0]["recorded"] == 4
    return terminal


def gaps(terminal: Terminal, *words: str) -> list[dict[str, Any]]:
    return terminal.type("gaps", "--json", *words).rows


def test_import_counts_and_a_second_import_records_nothing(terminal: Terminal) -> None:
    path = terminal.facts_file("story.jsonl", [*STORY, RECEIVED])
    first, second = (terminal.type("import", path, "--as", "facts", "--json").rows[0] for _ in range(2))
    assert {name: first[name] for name in ("file", "kind", "read", "recorded", "known", "rejected", "rejected_file")} == {
        "file": str(path), "kind": "facts", "read": 5, "recorded": 4, "known": 1, "rejected": 0, "rejected_file": None,
    }  # fmt: skip
    assert (second["read"], second["recorded"], second["known"], second["rejected"]) == (5, 0, 5, 0)


def test_rejected_rows_go_to_a_file_that_can_be_mended_and_imported(terminal: Terminal) -> None:
    wrong = REFUNDED | {"currency": "XXX"}
    conflict = INITIATED | {"order": "#1002"}
    path = terminal.facts_file("mixed.jsonl", [INITIATED, "no json", wrong, conflict, RECEIVED])
    typed = terminal.type("import", path, "--as", "facts", "--json")
    assert typed.code == 3
    row = typed.rows[0]
    assert (row["read"], row["recorded"], row["rejected"]) == (5, 2, 3)
    rejected = [json.loads(line) for line in Path(row["rejected_file"]).read_text().splitlines()]
    assert [line["line_number"] for line in rejected] == [2, 3, 4]
    assert rejected[0]["raw"] == "no json"
    assert rejected[1]["error"].startswith("currency: 'XXX' is not a currency")
    assert "#1001" in rejected[2]["error"]
    assert "#1002" in rejected[2]["error"]
    mended = terminal.facts_file("mended.jsonl", [rejected[1] | {"currency": "GBP"}])
    assert terminal.type("import", mended, "--as", "facts", "--json").rows[0]["recorded"] == 1


def test_a_gap_is_told_with_its_figures(told: Terminal) -> None:
    mismatch = next(gap for gap in gaps(told) if gap["kind"] == "credit_note_mismatch")
    assert mismatch["amount"] == "-2.01"
    assert mismatch["breakdown"] == {"items": "0.00", "tax": "0.00", "shipping": "0.00", "fees": "-2.01", "unexplained": "0.00"}
    assert mismatch["explanation"] == "Refund R-9 paid 45.99 GBP on 2 Oct 2026; credit note CN-3 is 48.00 GBP: 2.01 GBP more, the fees."
    assert mismatch["evidence"] == [3, 4]
    assert mismatch["owner"] == "finance"
    assert list(mismatch) == COLUMNS


def test_as_of_and_known_at(told: Terminal) -> None:
    before_note = gaps(told, "--as-of", "2026-10-03T09:59:59Z", "--owner", "finance")
    assert [gap["kind"] for gap in before_note] == ["refund_without_credit_note"]
    recorded_at = told.type("replay", "R-1", "--json").rows[0]["recorded_at"]
    assert gaps(told, "--known-at", recorded_at) == gaps(told)
    assert gaps(told, "--known-at", "2026-01-01") == []


def test_replay_tells_what_each_event_did(told: Terminal) -> None:
    rows = told.type("replay", "R-1", "--json").rows
    assert [row["number"] for row in rows] == [1, 2, 3, 4]
    assert [row["fact"] for row in rows] == ["Initiated", "Received", "Refunded", "CreditNoted"]
    assert [gap["kind"] for gap in rows[1]["opened"]] == ["uninspected_items"]
    assert [gap["kind"] for gap in rows[3]["closed"]] == ["refund_without_credit_note"]
    assert rows[2]["data"]["amount"]["total"] == "45.99"
    assert rows[0]["cause"] == "import:story.jsonl:1"
    assert told.type("replay", "acme/returngo/R-1", "--until", "2", "--json").rows == rows[:2]


def test_a_shared_id_asks_which_return_is_meant(told: Terminal) -> None:
    other = terminal_import(told, [RECEIVED | {"merchant": "bolt/sons"}])
    assert other == 1
    typed = told.type("replay", "R-1")
    assert typed.code == 1
    assert "acme/returngo/R-1, bolt/sons/returngo/R-1" in typed.err
    assert told.type("replay", "bolt/sons/returngo/R-1").code == 0


def terminal_import(terminal: Terminal, facts: list[dict[str, Any]]) -> int:
    return int(terminal.type("import", terminal.facts_file("more.jsonl", facts), "--as", "facts", "--json").rows[0]["recorded"])


def test_tie_out_and_summary(told: Terminal) -> None:
    typed = told.type("tie-out", "--json")
    assert typed.code == 0
    money = next(row for row in typed.rows if row["what"] == "money")
    assert money == {
        "what": "money", "currency": "GBP", "refunded": "45.99", "credited": "48.00",
        "clearing_balance": "-2.01", "open_gaps": "-2.01", "tolerated": "0.00", "difference": "0.00",
    }  # fmt: skip
    units = next(row for row in typed.rows if row["what"] == "units")
    assert (units["sku"], units["announced"], units["quarantine"], units["difference"]) == ("SKU-1", 2, 2, 0)
    summary = {row["kind"]: row for row in told.type("summary", "--json").rows}
    assert summary["credit_note_mismatch"]["count"] == 1
    assert summary["credit_note_mismatch"]["amount"] == "-2.01"


def test_a_tolerance_from_the_configuration(told: Terminal) -> None:
    (told.where / "returns-ledger.toml").write_text(CONNECTION + '[connections.policy]\ntolerance = { GBP = "5.00" }\n')
    assert [gap["kind"] for gap in gaps(told, "--owner", "finance")] == []
    money = next(row for row in told.type("tie-out", "--json").rows if row["what"] == "money")
    assert (money["open_gaps"], money["tolerated"], money["difference"]) == ("0.00", "-2.01", "0.00")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("replay", "NOPE"), 1, "No return 'NOPE' is known"),
        (("gaps", "--kind", "nope"), 2, "'nope' is no kind of gap"),
        (("gaps", "--as-of", "yesterday"), 2, "2026-10-31"),
        (("gaps", "--sort", "nope"), 2, "--sort"),
        (("gaps", "--status", "nope"), 2, "open, closed, all"),
        (("gaps", "--nope",), 2, "No such option"),
        (("nope",), 2, "No such command"),
        (("import", "nope.csv", "--as", "facts"), 2, "does not exist"),
        (("import", "story.jsonl", "--as", "nope"), 2, "the kinds are facts, returns"),
        (("template", "nope"), 2, "the kinds are facts, returns"),
        (("rebuild", "nope"), 2, "gaps"),
        (("key", "create", "--role", "nope"), 2, "finance, auditor, ops, admin"),
        (("key", "revoke", "nope"), 1, "no key 'nope'"),
        (("gaps", "--house", "No/House"), 2, "--house"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_gets_a_line_and_an_exit_code(told: Terminal, words: tuple[str, ...], code: int, said: str) -> None:
    typed = told.type(*words)
    assert (typed.code, typed.out) == (code, "")
    assert said in re.sub(r"\s+", " ", typed.err)


def test_a_short_name_of_two_returns_lists_them_wherever_it_is_typed(told: Terminal) -> None:
    other = RECEIVED | {"platform": "reveni"}
    assert told.type("import", told.facts_file("other.jsonl", [other]), "--as", "facts").code == 0
    for words in (("replay", "R-1"), ("gaps", "--return", "R-1"), ("summary", "--return", "R-1")):
        typed = told.type(*words)
        assert (typed.code, typed.out) == (1, ""), words
        assert "acme/returngo/R-1, acme/reveni/R-1" in typed.err


def test_a_database_that_is_away(terminal: Terminal) -> None:
    typed = terminal.type("gaps", DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert typed.code == 1
    assert "cannot be reached" in typed.err


def test_a_wrong_setting_is_named(terminal: Terminal) -> None:
    (terminal.where / "returns-ledger.toml").write_text(CONNECTION + 'erpp = "x"\n')
    typed = terminal.type("gaps")
    assert typed.code == 1
    assert "connections.uk.erpp" in typed.err


@pytest.mark.parametrize("garbage", [b"\x00\xff\xfe" * 700, b"", b"{}\n[]\n1\n", b"a,b\n1,2\n"])
def test_pure_garbage_is_rejected_and_nothing_breaks(terminal: Terminal, garbage: bytes) -> None:
    path = terminal.where / "garbage"
    path.write_bytes(garbage)
    for kind in ("facts", "refunds", "shopify-refunds"):
        typed = terminal.type("import", path, "--as", kind, "--merchant", "acme", "--json")
        assert typed.code == (3 if garbage or kind == "refunds" else 0), kind
        assert typed.rows[0]["recorded"] == 0


def test_rows_under_wrong_headings_are_mended_in_the_rejected_file(terminal: Terminal) -> None:
    path = terminal.where / "receipts.csv"
    path.write_text("platform,return,occurred_at,line,quantity\nreveni,R-7,2025-01-03T00:00:00Z,L1,1\n")
    typed = terminal.type("import", path, "--as", "receipts", "--json")
    rejected = Path(f"{path}.rejected.csv")
    assert (typed.code, typed.rows[0]["read"], typed.rows[0]["rejected"], typed.rows[0]["rejected_file"]) == (3, 1, 1, str(rejected))
    headings, row = rejected.read_text().splitlines()
    assert headings == "platform,return,occurred_at,line,quantity,error,line_number"
    path.write_text(f"merchant,{headings}\nacme,{row}\n")
    assert terminal.type("import", path, "--as", "receipts", "--json").rows[0]["recorded"] == 1


def test_templates_import_cleanly(terminal: Terminal) -> None:
    for kind in ("facts", "returns", "scans", "receipts", "inspections", "refunds", "credit-notes", "restocks", "write-offs", "payouts"):
        path = terminal.where / f"{kind}.csv"
        path.write_text(terminal.type("template", kind).out)
        typed = terminal.type("import", path, "--as", kind, "--json")
        # The examples tell one story, so the refund of the facts file is known when the refunds file tells it again.
        assert (typed.code, typed.rows[0]["recorded"] + typed.rows[0]["known"]) == (0, 1), (kind, typed)


def test_the_demo_house_stands_apart(told: Terminal) -> None:
    assert gaps(told, "--house", "demo") == []
    assert told.type("replay", "R-1", "--house", "demo").code == 1


def test_verify_doctor_and_rebuild_find_nothing_wrong(told: Terminal) -> None:
    assert all(row["ok"] for row in told.type("verify", "--json").rows)
    assert all(row["ok"] for row in told.type("doctor", "--json").rows)
    rebuilt = told.type("rebuild", "--verify", "--json")
    assert rebuilt.code == 0
    assert rebuilt.rows[-1]["differences"] == 0


def test_keys_are_shown_once(terminal: Terminal) -> None:
    made = terminal.type("key", "create", "--role", "finance", "--name", "Zoë", "--expires", "90d", "--json").rows[0]
    assert set(made) == {"id", "key", "role"}
    listed = terminal.type("key", "list", "--json")
    assert made["key"] not in listed.out
    assert listed.rows[0]["id"] == made["id"]
    assert terminal.type("key", "revoke", made["id"], "--json").rows == [{"id": made["id"], "revoked": True}]


def test_what_has_a_single_result_tells_it_as_one_object(terminal: Terminal) -> None:
    [brought] = terminal.type("migrate", "--json").rows
    assert brought["up_to_date"] is True
    [shown] = terminal.type("config", "show", "--redacted", "--json").rows
    assert shown["schema"] == brought["schema"]


def test_the_journal_as_json_lines_says_what_the_csv_says(told: Terminal) -> None:
    rows = told.type("journal", "--json").rows
    headings, *lines = csv.reader(told.type("journal", "--format", "csv").out.splitlines())
    assert rows
    assert [["" if cell is None else cell for cell in row.values()] for row in rows] == lines
    assert list(rows[0]) == headings
