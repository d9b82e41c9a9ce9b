"""Serves the page on this machine only."""

import asyncio
import contextlib
import json
import pathlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keras_cem.cli.playground import networks, page, settings
from keras_cem.cli.playground.board import Board
from keras_cem.cli.playground.live_training import LiveTraining

HOST = "127.0.0.1"
# Bytes of a request, seconds between signs of life.
_MAX_BODY = 4096
_ALIVE = 10.0
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; "
        # A notebook of this machine may show the page, if it knows the token.
        "frame-ancestors http://localhost:* http://127.0.0.1:*"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Server(uvicorn.Server):
    """Serves a playground until Ctrl-C.

    Args:
        playground: The playground, started.
        sock: A socket that `bind` returned.

    Attributes:
        address: Address of the page. Its path is a random token: requests
            without it are refused.
    """

    def __init__(self, playground: LiveTraining, sock: socket.socket):
        self._socket = sock
        port = sock.getsockname()[1]
        token = secrets.token_urlsafe(24)
        self.address = f"http://{HOST}:{port}/{token}/"
        self._streams = Streams(playground.board)
        app = make_app(playground, self._streams, token, port)
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                # Seconds, for a page that does not read.
                timeout_graceful_shutdown=2,
            )
        )

    def serve_forever(self) -> None:
        """Serves until Ctrl-C, or until `should_exit` is set."""
        with contextlib.suppress(KeyboardInterrupt):
            self.run(sockets=[self._socket])

    async def shutdown(
        self, sockets: list[socket.socket] | None = None
    ) -> None:
        """Ends the streams first: they would never end on their own."""
        self._streams.end()
        await super().shutdown(sockets)


class Streams:
    """Sends each page what is new on a board.

    Args:
        board: The board.
    """

    def __init__(self, board: Board):
        self._board = board
        self._events: set[asyncio.Event] = set()
        self._ended = False

    async def stream(self) -> AsyncIterator[str]:
        """Yields server-sent events: objects with parts of the board."""
        loop, changed, clock = asyncio.get_running_loop(), asyncio.Event(), 0

        def listen() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(changed.set)

        self._events.add(changed)
        try:
            with self._board.listening(listen):
                # Milliseconds after which the page connects again.
                yield "retry: 1000\n\n"
                while not self._ended:
                    changed.clear()
                    clock, parts = self._board.since(clock)
                    if parts:
                        yield f"data: {_object(parts)}\n\n"
                    else:
                        yield ": alive\n\n"
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), _ALIVE)
        finally:
            self._events.remove(changed)

    def end(self) -> None:
        """Ends all streams; called in the event loop."""
        self._ended = True
        for event in self._events:
            event.set()


class Guard:
    """Refuses requests that do not come from the page.

    Args:
        app: Gets the others.
        token: First part of every path.
        port: Port of the server.
    """

    def __init__(self, app: ASGIApp, token: str, port: int):
        self._app, self._token = app, token
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Passes the request on, or answers 403."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        if not self._is_allowed(request):
            refused = PlainTextResponse(
                "Open the address that keras-cem playground printed.",
                status_code=403,
                headers=_HEADERS,
            )
            await refused(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers)

    def _is_allowed(self, request: Request) -> bool:
        token = request.url.path.split("/")[1]
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return False
        # Another site may reach this port by a name of its own.
        host = request.headers.get("host", "")
        if host not in self._hosts:
            return False
        origin = request.headers.get("origin")
        if request.method == "GET":
            return origin in (None, f"http://{host}")
        return (
            origin == f"http://{host}"
            and request.headers.get("content-type") == "application/json"
        )


def make_app(
    playground: LiveTraining, streams: Streams, token: str, port: int
) -> ASGIApp:
    """Returns the application.

    Args:
        playground: What the page shows and steers.
        streams: What the page listens to.
        token: First part of every path.
        port: Port of the server.
    """
    asks: dict[str, Callable[[Any, Any], None]] = {
        "change": playground.change,
        "change_networks": playground.change_networks,
        "view": playground.view,
        "act": lambda name, _: playground.act(name),
    }

    async def ask(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY:
                return PlainTextResponse("Too long.", status_code=413)
        try:
            asked = json.loads(body)
            what, name = asked["ask"], asked["name"]
            if not isinstance(name, str) or what not in asks:
                raise ValueError("The page asked for nothing that is known.")
            asks[what](name, asked.get("value"))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            return PlainTextResponse(str(error), status_code=400)
        return Response(status_code=204)

    async def events(request: Request) -> Response:
        return StreamingResponse(
            streams.stream(), media_type="text/event-stream"
        )

    async def fields(request: Request) -> Response:
        return JSONResponse(
            {"training": settings.described(), "networks": networks.CHOICES}
        )

    files = page.read()

    async def file(request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in files:
            return PlainTextResponse("There is no such page.", status_code=404)
        kind = page.TYPES[pathlib.PurePath(name).suffix]
        return Response(files[name], media_type=kind)

    routes = [
        Route("/{token}/ask", ask, methods=["POST"]),
        Route("/{token}/events", events),
        Route("/{token}/fields", fields),
        Route("/{token}/{name}", file),
        Route("/{token}/", file),
    ]
    return Guard(Starlette(routes=routes), token, port)


def bind(port: int) -> socket.socket:
    """Returns a socket that listens at a port of the loopback interface.

    Args:
        port: The port; 0 for any that is free.

    Raises:
        OSError: If the port is taken or not allowed.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A port whose last connections are just closed is free.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        # At once, so that a browser may come before the server.
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def _object(parts: Mapping[str, str]) -> str:
    """Returns a JSON object of values that are JSON already."""
    return (
        "{" + ",".join(f'"{name}":{text}' for name, text in parts.items()) + "}"
    )
