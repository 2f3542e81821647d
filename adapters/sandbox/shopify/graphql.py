"""So much of GraphQL as one client asks: queries with arguments, variables, aliases and inline fragments, answered from plain documents.

Not a schema: a field that a document does not have is refused as Shopify refuses it, and what a query may cost at most is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(r'\s*(?:,\s*)*(\.\.\.|[{}()\[\]:!=$@]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|[A-Za-z_]\w*)')
DEFAULT_PAGE = 50


class Refused(Exception):
    """The query is refused; `code` as Shopify writes it."""

    def __init__(self, message: str, code: str = "undefinedField") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Field:
    name: str
    alias: str
    arguments: Mapping[str, Any]
    selection: tuple[Field, ...] | None
    on_type: str | None = None


class Connection(list[Any]):
    """Nodes that are asked for page by page."""


class Query:
    """A parsed query. Raises Refused for what it cannot read."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._variables = variables
        self.is_mutation = self._peek() == "mutation"
        if self.is_mutation or self._peek() == "query":
            self._take()
            if self._peek() not in ("{", "("):
                self._take()
            if self._peek() == "(":
                self._skip_definitions()
        self.selection = self._selection(None)

    def cost(self) -> int:
        """An object costs 1, a connection as much as all the objects it may hold."""
        return sum(_cost(field) for field in self.selection)

    def answer(self, root: Mapping[str, Any]) -> dict[str, Any]:
        return _selected(root, self.selection, "QueryRoot")

    def _selection(self, on_type: str | None) -> tuple[Field, ...]:
        self._expect("{")
        fields: list[Field] = []
        while self._peek() != "}":
            if self._peek() == "...":
                self._take()
                self._expect("on")
                fields += self._selection(self._take())
            else:
                fields.append(self._field(on_type))
        self._take()
        return tuple(fields)

    def _field(self, on_type: str | None) -> Field:
        name = alias = self._take()
        if self._peek() == ":":
            self._take()
            name = self._take()
        arguments: dict[str, Any] = {}
        if self._peek() == "(":
            self._take()
            while self._peek() != ")":
                argument = self._take()
                self._expect(":")
                arguments[argument] = self._value()
            self._take()
        while self._peek() == "@":
            # A directive: its arguments are told to the field as `at_name`.
            self._take()
            directive, given = self._take(), dict[str, Any]()
            if self._peek() == "(":
                self._take()
                while self._peek() != ")":
                    argument = self._take()
                    self._expect(":")
                    given[argument] = self._value()
                self._take()
            arguments[f"at_{directive}"] = given
        return Field(name, alias, arguments, self._selection(None) if self._peek() == "{" else None, on_type)

    def _value(self) -> Any:
        word = self._take()
        if word == "$":
            return self._variables.get(self._take())
        if word == "[":
            values = []
            while self._peek() != "]":
                values.append(self._value())
            self._take()
            return values
        if word.startswith('"'):
            return re.sub(r"\\(.)", r"\1", word[1:-1])
        if word in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word]
        return int(word) if word.lstrip("-").isdecimal() else word

    def _skip_definitions(self) -> None:
        while self._take() != ")":
            pass

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise Refused("syntax error, unexpected end of file", "parseError")
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise Refused(f"syntax error, {token!r} expected", "parseError")


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise Refused(f"syntax error at {text[at : at + 20]!r}", "parseError")
        found.append(token[1])
        at = token.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def objects_in(answer: Any) -> int:
    """What a query has cost in the end: the bucket gets back what was counted too much before."""
    if isinstance(answer, dict):
        return 1 + sum(objects_in(value) for value in answer.values())
    return sum(objects_in(each) for each in answer) if isinstance(answer, list) else 0


def _cost(field: Field) -> int:
    if field.selection is None or field.name in ("nodes", "pageInfo"):
        return sum(_cost(each) for each in field.selection or ())
    own = 1 + sum(_cost(each) for each in field.selection)
    return own * int(field.arguments.get("first") or 1)


def _selected(document: Any, selection: Sequence[Field], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in selection:
        if field.on_type is not None and field.on_type != document.get("__typename"):
            continue
        if field.name not in document:
            raise Refused(f"Field '{field.name}' doesn't exist on type '{document.get('__typename', kind)}'")
        value = document[field.name]
        found[field.alias] = _resolved(value(**field.arguments) if callable(value) else value, field)
    return found


def _resolved(value: Any, field: Field) -> Any:
    if isinstance(value, Connection):
        return _page(value, field)
    if isinstance(value, list):
        return [_resolved(each, field) for each in value]
    if isinstance(value, Mapping):
        if field.selection is None:
            raise Refused(f"Field must have selections (field '{field.name}' returns an object)", "selectionMismatch")
        return _selected(value, field.selection, field.name)
    return value


def _page(nodes: Connection, field: Field) -> dict[str, Any]:
    """Cursors are places: nothing is taken out of a connection while somebody pages through it."""
    start = int(field.arguments.get("after") or 0)
    end = start + int(field.arguments.get("first") or DEFAULT_PAGE)
    about = {"hasNextPage": end < len(nodes), "endCursor": str(min(end, len(nodes))), "__typename": "PageInfo"}
    page = {"nodes": [_lazy(each) for each in nodes[start:end]], "pageInfo": about, "__typename": "Connection"}
    return _selected(page, field.selection or (), field.name)


def _lazy(node: Any) -> Any:
    return node() if isinstance(node, Callable) else node  # type: ignore[arg-type]
