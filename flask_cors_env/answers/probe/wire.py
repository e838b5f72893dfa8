"""One request to a running server: no redirect is followed, nothing is kept, and it ends in time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Event, Timer
from typing import NamedTuple
from urllib.parse import urlsplit

from flask_cors_env._version import __version__
from flask_cors_env.audit.event import clean
from flask_cors_env.testing.browser import Response, WireRequest

_AGENT = ("User-Agent", f"flask-cors-env/{__version__}")


class NoAnswerError(Exception):
    """A server that could not be asked; its text is a sentence without a full stop."""


class Wire(NamedTuple):
    """
    How a server is asked.

    Attributes:
        timeout: Seconds for the connection, and as many for the head of the answer.
        insecure: Whether any certificate will do.
    """

    timeout: float = 10
    insecure: bool = False

    def ask(self, request: WireRequest) -> Response:
        """The head of the answer to *request*; raises NoAnswerError where there is none."""
        try:
            with closing(self._connection(request.url)) as connection:
                connection.connect()
                with _deadline(connection.sock, self.timeout):
                    return _answer(connection, request)
        except (OSError, HTTPException, ValueError) as error:
            raise NoAnswerError(self._why(error)) from None

    def _connection(self, url: str) -> HTTPConnection:
        connection = self._plain_or_secure(url)
        connection.response_class = _FinalResponse
        return connection

    def _plain_or_secure(self, url: str) -> HTTPConnection:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return HTTPConnection(host, parts.port, timeout=self.timeout)
        context = ssl.create_default_context()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return HTTPSConnection(host, parts.port, timeout=self.timeout, context=context)

    def _why(self, error: Exception) -> str:
        """What an operator makes of *error*."""
        for kind, told in _TOLD.items():
            if isinstance(error, kind):
                return told.format(seconds=f"{self.timeout:g}", why=_reason(error))
        return f"it does not answer in HTTP/1.1 ({type(error).__name__}: {clean(str(error))})"


#: What is told of an error, the kinds before what they are kinds of.
_TOLD = {
    ssl.SSLCertVerificationError: (
        "its certificate is refused ({why}); SSL_CERT_FILE names another authority, --insecure takes any"
    ),
    ssl.SSLError: "TLS fails ({why}); does it speak http there?",
    TimeoutError: "it does not answer within {seconds} seconds",
    socket.gaierror: "its name cannot be resolved",
    ConnectionRefusedError: "nothing listens there",
    ConnectionResetError: "it ends the connection without an answer; a proxy may drop OPTIONS",
}


class _FinalResponse(HTTPResponse):
    """A response that reads past the interim ones before it: https://www.rfc-editor.org/rfc/rfc9110#section-15.2."""

    def begin(self) -> None:
        super().begin()
        while HTTPStatus.SWITCHING_PROTOCOLS < self.status < HTTPStatus.OK:
            self.headers = self.msg = None  # type: ignore[assignment]  # what begins is the next head
            super().begin()


def _reason(error: Exception) -> str:
    return clean(str(getattr(error, "verify_message", None) or getattr(error, "reason", "")))


def _answer(connection: HTTPConnection, request: WireRequest) -> Response:
    parts = urlsplit(request.url)
    connection.request(request.method, parts.path or "/", headers=dict([*request.headers, _AGENT]))
    with connection.getresponse() as answer:
        return Response(status=answer.status, headers=tuple(answer.getheaders()))


@contextmanager
def _deadline(sock: socket.socket, seconds: float) -> Iterator[None]:
    """End what reads from *sock* after *seconds*, however slowly the other side goes on to send."""
    expired = Event()

    def end() -> None:
        expired.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = Timer(seconds, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if expired.is_set():
            raise TimeoutError
