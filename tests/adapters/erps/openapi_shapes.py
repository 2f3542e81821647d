"""Values held against a Swagger 2.0 file: what is sent and answered has the vendor's names and types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)


class Swagger:
    """One file. `paths` are its operations by (method, path)."""

    def __init__(self, path: Path) -> None:
        self._file = json.loads(path.read_text())
        self.paths = {(verb.upper(), path): operation for path, verbs in self._file["paths"].items() for verb, operation in verbs.items()}

    def request_faults(self, operation: Mapping[str, Any], query: Mapping[str, str], body: Any) -> Iterator[str]:
        parameters = operation.get("parameters", [])
        known = {one["name"]: one for one in parameters if one["in"] == "query"}
        for name, said in query.items():
            if name not in known:
                yield f"query {name} is not documented"
            else:
                yield from self._query_faults(known[name], said)
        bodies = [one for one in parameters if one["in"] == "body"]
        if body is not None and not bodies:
            yield "a body is not documented"
        for one in bodies:
            if body is None:
                yield "the body is missing"
            else:
                yield from self.faults(one["schema"], body, "body", sent=True)

    def answer_faults(self, operation: Mapping[str, Any], status: int, body: Any) -> Iterator[str]:
        answer = operation["responses"].get(str(status))
        if answer is None:
            yield f"status {status} is not documented"
        elif "schema" in answer:
            yield from self.faults(answer["schema"], body, "answer", sent=False)

    def faults(self, schema: Mapping[str, Any], value: Any, where: str, *, sent: bool) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._file["definitions"][schema["$ref"].rsplit("/", 1)[1]]
        if value is None:
            return
        match schema.get("type", "object"):
            case "object":
                yield from self._object_faults(schema, value, where, sent=sent)
            case "array" if isinstance(value, list):
                for place, one in enumerate(value):
                    yield from self.faults(schema["items"], one, f"{where}[{place}]", sent=sent)
            case "string" if isinstance(value, str):
                yield from _text_faults(schema, value, where)
            case "integer" if isinstance(value, int) and not isinstance(value, bool):
                if schema.get("format") == "int32" and abs(value) >= 2**31:
                    yield f"{where} is beyond 32 bit"
            case "number" if isinstance(value, int | float) and not isinstance(value, bool):
                pass
            case "boolean" if isinstance(value, bool):
                pass
            case expected:
                yield f"{where} must be {expected}, not {value!r}"

    def _object_faults(self, schema: Mapping[str, Any], value: Any, where: str, *, sent: bool) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where} must be an object, not {value!r}"
            return
        properties = schema.get("properties")
        for name, one in value.items():
            if properties is None:
                continue
            if name not in properties:
                yield f"{where}.{name} is not documented"
            elif sent and properties[name].get("readOnly"):
                yield f"{where}.{name} is read only"
            else:
                yield from self.faults(properties[name], one, f"{where}.{name}", sent=sent)

    def _query_faults(self, parameter: Mapping[str, Any], said: str) -> Iterator[str]:
        match parameter["type"]:
            case "integer" if not said.lstrip("-").isdecimal():
                yield f"query {parameter['name']} must be a whole number, not {said!r}"
            case "boolean" if said not in ("true", "false"):
                yield f"query {parameter['name']} must be true or false, not {said!r}"
            case "string":
                yield from _text_faults(parameter, said, f"query {parameter['name']}")
            case _:
                return


def _text_faults(schema: Mapping[str, Any], value: str, where: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} must be one of {schema['enum']}, not {value!r}"
    if schema.get("format") == "uuid" and not _UUID.match(value):
        yield f"{where} must be a uuid, not {value!r}"
    if schema.get("format") == "date-time":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            yield f"{where} must be a date, not {value!r}"
