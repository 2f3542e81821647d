"""Policies as they are typed: shown, checked, tried on what was, adopted, and kept until the configuration itself changes."""

from __future__ import annotations

from tests.api.serving import fact, initiated, refunded
from tests.cli.typing import Terminal

CONNECTION = (
    '[[connections]]\nname = "uk"\nmerchant = "acme"\nplatform = "returngo"\ncredentials = { api_key = "k", shop = "s" }\nerp = "uk-cin7"\n'
)
ERP = '[[erps]]\nname = "uk-cin7"\nkind = "cin7_core"\ncredentials = { account_id = "a", application_key = "k" }\n'


def configure(terminal: Terminal, policy: str = "") -> None:
    (terminal.where / "returns-ledger.toml").write_text(f"{CONNECTION}[connections.policy]\n{policy}\n{ERP}")


def test_a_policy_is_tried_adopted_and_kept(terminal: Terminal) -> None:
    configure(terminal)
    rows = [initiated("R-1"), fact("ScannedAtReturnBar", "R-1", "2026-10-02T08:00:00Z"), refunded("R-1"), initiated("R-2")]
    assert terminal.type("import", terminal.facts_file("facts.jsonl", rows), "--as", "facts").code == 0
    (shown,) = terminal.type("policy", "show", "--json").rows
    assert (shown["connection"], shown["version"], shown["source"]) == ("uk", 1, "configuration")
    assert shown["policy"]["credit_note_on"] == "received"
    assert terminal.type("policy", "check").code == 0

    configure(terminal, 'credit_note_on = "scanned"')
    checked = terminal.type("policy", "check", "--json")
    assert checked.code == 3
    assert checked.rows == [{"connection": "uk", "field": "credit_note_on", "in_force": "received", "proposed": "scanned"}]
    previewed = terminal.type("policy", "preview", "--against", "900d", "--json")
    assert previewed.code == 0, previewed.err
    by_kind = {(row["what"], row["kind"]): row for row in previewed.rows}
    note = by_kind["instruction", "post_credit_note"]
    assert (note["return"], note["in_force"]) == ("R-1", None)
    assert (note["proposed"]["times"], note["proposed"]["first_at"], note["proposed"]["amount"]) == (1, "2026-10-02T08:00:00Z", "40.00")
    gap = by_kind["gap", "refund_without_credit_note"]
    assert (gap["in_force"]["amount"], gap["proposed"]) == ("40.00", None)
    assert "1 of 2 returns would differ" in previewed.err
    assert len(terminal.type("policy", "show", "--versions", "--json").rows) == 1, "whoever only asks changes nothing"

    dry = terminal.type("policy", "adopt", "--by", "ada", "--dry-run", "--json")
    assert (dry.rows[0]["adopted"], dry.rows[0]["version"]) == (False, 1)
    done = terminal.type("policy", "adopt", "--by", "ada", "--reason", "customers wait", "--json")
    assert done.rows == [
        {"connection": "uk", "version": 2, "adopted": True, "changes": {"credit_note_on": {"from": "received", "to": "scanned"}}}
    ]
    newest = terminal.type("policy", "show", "--versions", "--json").rows[0]
    assert (newest["version"], newest["by"], newest["reason"], newest["source"]) == (2, "ada", "customers wait", "command")
    assert terminal.type("policy", "check").code == 0


def test_a_policy_of_a_file_stays_until_the_configuration_changes(terminal: Terminal) -> None:
    configure(terminal)
    proposed = terminal.where / "proposed.toml"
    proposed.write_text('credit_note_on = "inspected"\ntolerance = { GBP = "0.05" }\n')
    assert terminal.type("gaps").code == 0
    assert terminal.type("policy", "adopt", "--by", "ada", "--file", proposed).code == 0
    assert terminal.type("gaps").code == 0, "the house opens with its configuration as it was"
    shown = terminal.type("policy", "show")
    assert "version 2" in shown.out
    assert "credit_note_on = inspected   # not the default" in shown.out
    configure(terminal, 'write_off = "approve"')
    assert terminal.type("gaps").code == 0
    (row,) = terminal.type("policy", "show", "--json").rows
    assert (row["version"], row["policy"]["credit_note_on"], row["policy"]["write_off"]) == (3, "received", "approve")


def test_what_makes_no_policy_is_refused_with_its_key(terminal: Terminal) -> None:
    configure(terminal)
    wrong = terminal.where / "wrong.toml"
    wrong.write_text('credit_note_on = "sometimes"\n')
    refused = terminal.type("policy", "check", "--file", wrong)
    assert (refused.code, "credit_note_on" in refused.err) == (1, True)
    assert terminal.type("policy", "check", "--connection", "fr").code == 2
    assert terminal.type("policy", "preview", "--against", "soon").code == 2
    assert terminal.type("policy", "adopt", "--by", " ").code == 2
