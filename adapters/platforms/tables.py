"""Mapping tables: what a vendor's words mean here, by default and as `[connections.mappings]` sets beside or over that."""

from __future__ import annotations

from collections.abc import Mapping, Set

from adapters.vendor.shapes import plain

# Table → what its words may mean; None: any text.
Meanings = Mapping[str, Set[str] | None]


class Tables:
    """The tables of one connection. Raises ValueError, with the key, for a table or a meaning that does not exist.

    Words are compared by their letters and digits only.
    """

    def __init__(
        self,
        vendor: str,
        connection: str,
        meanings: Meanings,
        defaults: Mapping[str, Mapping[str, str]],
        set_by_operator: Mapping[str, Mapping[str, str]],
    ) -> None:
        for table, words in set_by_operator.items():
            where = f"connections.{connection}.mappings.{table}"
            if table not in meanings:
                raise ValueError(f"{where}: {vendor} has no such table; it has {', '.join(sorted(meanings))}")
            allowed = meanings[table]
            for word, meaning in words.items():
                if allowed is not None and meaning not in allowed:
                    raise ValueError(f"{where}.{word}: {meaning!r} must be one of {', '.join(sorted(allowed))}")
        both = {table: (defaults.get(table, {}), set_by_operator.get(table, {})) for table in meanings}
        self._tables = {table: {plain(word): meaning for words in said for word, meaning in words.items()} for table, said in both.items()}

    def meaning(self, table: str, word: str | None) -> str | None:
        """None where nothing in the table names the word."""
        return self._tables[table].get(plain(word)) if word is not None else None

    def words(self, table: str, meaning: str) -> frozenset[str]:
        """Which words mean that, as they are compared."""
        return frozenset(word for word, meant in self._tables[table].items() if meant == meaning)
