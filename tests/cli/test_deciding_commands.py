"""Deciding as it is typed: what waits, what can be done about it, and what becomes of it."""

from __future__ import annotations

import pytest

from tests.api.serving import credited, fact, initiated, refunded
from tests.cli.typing import Terminal


@pytest.fixture
def told(terminal: Terminal) -> Terminal:
    facts = [initiated("R-1"), refunded("R-1"), credited("R-1", "35.00"), fact("Received", "R-1")]
    assert terminal.type("import", terminal.facts_file("facts.jsonl", facts), "--as", "facts").code == 0
    return terminal


def test_a_return_is_decided_on_by_the_command_that_stalled_shows(told: Terminal) -> None:
    (row,) = told.type("stalled", "--json").rows
    assert {"return", "merchant", "platform", "waits_for", "kind", "since", "owner", "next", "next_at", "actions"} <= row.keys()
    words = row["actions"][0].removeprefix("returns-ledger ").replace("YOU", "ada").replace("REASON", "rounding").split()
    dry = told.type(*words, "--dry-run", "--json")
    assert (dry.code, [one["fact"] for one in dry.rows]) == (0, ["DifferenceAccepted"])
    assert len(told.type("stalled", "--json").rows) == 1
    done = told.type(*words)
    assert done.code == 0
    assert "DifferenceAccepted" in done.out
    assert told.type("stalled", "--json").rows == []
    tie = told.type("tie-out", "--json")
    assert tie.code == 0
    assert tie.rows[0]["tolerated"] == "5.00"
    history = told.type("replay", "R-1", "--json").rows
    assert (history[-1]["fact"], history[-1]["by"], history[-1]["cause"]) == ("DifferenceAccepted", "ada", "person:ada")
    assert [gap["kind"] for gap in history[-1]["closed"]] == ["credit_note_mismatch"]


def test_refusals_are_sentences_and_misspellings_are_usage(told: Terminal) -> None:
    refused = told.type("resolve", "R-1", "retry", "--by", "ada")
    assert (refused.code, refused.err.startswith("error: Nothing of")) == (1, True)
    assert told.type("resolve", "R-1", "accept-difference", "--by", "ada").code == 1
    assert told.type("resolve", "R-9", "retry", "--by", "ada").code == 1
    for words in (("forgive",), ("map-sku", "--sku", "A"), ("note", "--text", "x", "--line", "1"), ("retry",)):
        by = () if words == ("retry",) else ("--by", "ada")
        assert told.type("resolve", "R-1", *words, *by).code == 2
    assert told.type("stalled", "--kind", "boredom").code == 2


def test_a_table_says_it_in_words(told: Terminal) -> None:
    shown = told.type("stalled")
    assert "waits for a decision" in shown.out
    assert "returns-ledger resolve acme/returngo/R-1 accept-difference" in shown.out
    assert "1 return waits for somebody" in shown.err
