"""One thing a file says, understood or not, and the step from a file's fields to a telling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from adapters.files.errors import UnusableFile
from domain.refusals import Rejected
from domain.telling import Telling, read_telling

Progress = Callable[[int], None]

# Beyond this, raw text in a rejected file is no help to anybody.
RAW_CHARACTERS = 10_000
# A rejected file carries these beside the row's own fields; they are about the row, not of it.
ABOUT_THE_ROW = ("error", "line_number")
REPORT_EVERY_BYTES = 1 << 18
BUFFER_BYTES = 1 << 18
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """One thing a file says. Several rows of the file can make one fact, each with a line of it.

    `line_numbers` are physical lines, from 1. `own` are the file's own rows, for the rejected file; what was no JSON object is
    `{"raw": text}`. Exactly one of `telling` and `rejected` is there.
    """

    line_numbers: tuple[int, ...]
    own: tuple[dict[str, Any], ...]
    telling: Telling | None
    rejected: Rejected | None


class PhysicalLine(NamedTuple):
    """One line of a file, without its end. Of a line that is too long only the beginning is here."""

    number: int
    offset: int
    end: int
    content: bytes
    too_long: bool


def rejected_row(number: int, own: dict[str, Any], rejected: Rejected) -> Row:
    return Row((number,), (own,), None, rejected)


def shown_raw(content: bytes) -> dict[str, Any]:
    """What could not be read as fields, as text that is fit to be shown."""
    return {"raw": content[: 4 * RAW_CHARACTERS].decode("utf-8", "replace")[:RAW_CHARACTERS]}


def told(fields: Mapping[str, Any], merchant: str | None, platform: str | None = None) -> Telling:
    """`read_telling`, with a platform that stands in too. Raises Rejected, whatever the fields hold."""
    if platform is not None and fields.get("platform") is None:
        fields = {**fields, "platform": platform}
    try:
        return read_telling(fields, merchant)
    except RecursionError:
        raise Rejected("row", "is nested too deep to be a fact") from None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes. Raises UnusableFile where they cannot be had."""
    try:
        with path.open("rb", buffering=BUFFER_BYTES) as stream:
            yield stream
    except OSError as unreadable:
        reason = unreadable.strerror or unreadable
        raise UnusableFile(f"{path} cannot be read: {reason}. Check its name and whether you may read it.") from None


def physical_lines(stream: BinaryIO, limit_bytes: int, progress: Progress | None = None) -> Iterator[PhysicalLine]:
    """The lines of a file, ended by LF or CRLF, without a byte order mark. No line is held beyond `limit_bytes`.

    `progress` gets the bytes consumed so far, every quarter of a megabyte and at the end.
    """
    number, end, said = 0, 0, 0
    while piece := stream.readline(limit_bytes + 2):
        number, offset, end = number + 1, end, end + len(piece)
        rest = piece
        while not rest.endswith(b"\n") and (rest := stream.readline(1 << 16)):
            end += len(rest)
        content = piece.removesuffix(b"\n").removesuffix(b"\r")
        too_long = end - offset > len(piece) or len(content) > limit_bytes
        yield PhysicalLine(number, offset, end, content.removeprefix(BYTE_ORDER_MARK) if number == 1 else content, too_long)
        if progress is not None and end - said >= REPORT_EVERY_BYTES:
            said = end
            progress(end)
    if progress is not None and end != said:
        progress(end)
