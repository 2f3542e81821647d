"""The web server's parser, with a limit on what a request may say before its body: without one, headers could go on for ever."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES: Final = 64_000


class BoundedHead(HttpToolsProtocol):
    """What comes before the end of the headers is counted; too much of it is answered with 400."""

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        # What begins with other things, the end of a body say, is not counted: it is one read, which has limits of its own.
        went_on = self._in_head
        super().data_received(data)
        if not (went_on and self._in_head):
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
