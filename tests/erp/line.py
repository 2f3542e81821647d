"""A line to Tryton that can lose an answer: the program has done what was asked, and whoever asked never hears of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_KEPT = ("content-type", "authorization", "accept-encoding")


class Line(ThreadingHTTPServer):
    """`lose` names methods (as `account.invoice.post`) whose next answer is lost; `lost` those whose answer was."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.beyond, self.url = url, f"http://127.0.0.1:{self.server_port}"
        self.lose: set[str] = set()
        self.lost: list[str] = []
        self.http = httpx.Client(timeout=60)


class _Call(BaseHTTPRequestHandler):
    server: Line
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name: self.headers[name] for name in _KEPT if name in self.headers}
        try:
            answer = self.server.http.post(self.server.beyond + self.path, content=body, headers=headers)
        except httpx.HTTPError:
            self.close_connection = True
            return
        method = body.decode().partition('"method": "model.')[2].partition('"')[0]
        if method in self.server.lose:
            self.server.lose.discard(method)
            self.server.lost.append(method)
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        self.send_header("content-type", answer.headers.get("content-type", ""))
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test says what went wrong."""


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    line = Line(url)
    thread = threading.Thread(target=line.serve_forever, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.shutdown()
        line.server_close()
