"""Tryton's own books, read out of its database with SQL: no call of ours, and none of Tryton's code, stands in between."""

from __future__ import annotations

import sqlite3
from collections import Counter
from decimal import Decimal
from pathlib import Path

_NOTES = """
    SELECT i.number || ' (id ' || i.id || ')', CAST(l.credit AS TEXT), CAST(l.debit AS TEXT) FROM account_invoice i
    JOIN account_move m ON m.id = i.move JOIN account_move_line l ON l.move = m.id
    JOIN account_account a ON a.id = l.account JOIN account_account_type t ON t.id = a.type
    WHERE i.type = 'out' AND i.state IN ('posted', 'paid') AND m.state = 'posted' AND t.receivable"""
_MOVES = """
    SELECT p.code, f.name, t.name, s.quantity FROM stock_move s JOIN product_product p ON p.id = s.product
    JOIN stock_location f ON f.id = s.from_location JOIN stock_location t ON t.id = s.to_location WHERE s.state = 'done'"""


class Books:
    """As they stand in the file now."""

    def __init__(self, database: Path) -> None:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        try:
            self._notes, self._moves = connection.execute(_NOTES).fetchall(), connection.execute(_MOVES).fetchall()
        finally:
            connection.close()

    def credited(self) -> dict[str, Decimal]:
        """By number and id of the posted credit note, as the ledger names it: by how much it lessens what customers owe."""
        total: dict[str, Decimal] = {}
        for number, credit, debit in self._notes:
            total[number] = total.get(number, Decimal(0)) + Decimal(credit) - Decimal(debit)
        return {number: amount for number, amount in total.items() if amount > 0}

    def moved(self) -> Counter[tuple[str, str]]:
        """Units by SKU and place, in less out, of all moves that are done."""
        units: Counter[tuple[str, str]] = Counter()
        for sku, source, target, quantity in self._moves:
            units[sku, source] -= int(quantity)
            units[sku, target] += int(quantity)
        return units
