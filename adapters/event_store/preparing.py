"""What can be done with a telling before the log is locked for it: its identity, and all of its stored form but the moment of recording."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.identity import Identity, content_json, identify
from domain.stored import stream_of, to_stored
from domain.telling import Telling

BATCH_BYTES = 1_000_000


class Prepared(NamedTuple):
    """A telling, ready to be appended. `tail` is its stored state without the moment of recording, which comes first."""

    telling: Telling
    identity: Identity
    stream: str
    topic: str
    tail: bytes


def prepare(telling: Telling, cause: str) -> Prepared:
    """`cause` is the delivery, instruction or person behind the telling, such as `import:refunds.csv:12`."""
    content = content_json(telling.fact)
    identity = identify(telling, content)
    try:
        topic, tail = to_stored(telling, content, identity.content, cause)
    except UnicodeEncodeError:
        # A file's name may hold bytes that are no text; the log is text.
        topic, tail = to_stored(telling, content, identity.content, cause.encode(errors="backslashreplace").decode())
    return Prepared(telling, identity, stream_of(telling.key), topic, tail)


def in_batches(prepared: Sequence[Prepared], most_bytes: int = BATCH_BYTES) -> list[list[Prepared]]:
    """Cut into batches of at most `most_bytes`, or of one, in order."""
    batches: list[list[Prepared]] = []
    size = most_bytes
    for one in prepared:
        size += len(one.tail)
        if size > most_bytes:
            batches.append([])
            size = len(one.tail)
        batches[-1].append(one)
    return batches
