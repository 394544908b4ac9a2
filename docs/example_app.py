"""An aiohttp application that moves a project in the background of its own event loop.

`POST /move` starts a move or goes on with one, `GET /move` tells how far it is, `DELETE /move` stops it after what is
in flight. The application's own loop, signals and logging stay as they are.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web

from ztoq_async import Engine, Settings, ZtoqError, load_settings

PATIENCE_S = 30.0


class Move:
    """At most one move at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None
        self._task: asyncio.Task[dict[str, Any]] | None = None

    def start(self) -> None:
        """Begins a move; one that was stopped goes on where it was."""
        if self._task is not None and not self._task.done():
            raise web.HTTPConflict(text="a move is under way")
        engine = self._engine = Engine(self._settings)  # one use each: the store, not the object, knows what was done
        self._task = asyncio.create_task(_run(engine), name="move")

    def stop(self) -> None:
        """Asks the move to end after what is in flight."""
        if self._engine is not None:
            self._engine.stop()

    async def close(self) -> None:
        """Stops, and cancels what does not end in time: nothing is lost, the next move goes on."""
        self.stop()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=PATIENCE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def state(self) -> dict[str, Any]:
        """What is known now, as JSON."""
        if self._engine is None or self._task is None:
            return {"state": "idle"}
        if not self._task.done():
            return {"state": "moving", "progress": {name: asdict(at) for name, at in self._engine.progress.items()}}
        if self._task.cancelled():
            return {"state": "cancelled"}
        error = self._task.exception()
        if isinstance(error, ZtoqError):
            return {"state": "failed", "error": str(error)}  # written for people, and holds no secret
        if error is not None:
            return {"state": "failed", "error": type(error).__name__}
        return {"state": "ended", "report": self._task.result()}


async def _run(engine: Engine) -> dict[str, Any]:
    async with engine:
        return await engine.run()


MOVE = web.AppKey("MOVE", Move)


async def start(request: web.Request) -> web.Response:
    """202, or 409 while a move is under way."""
    request.app[MOVE].start()
    return web.json_response(request.app[MOVE].state(), status=202)


async def show(request: web.Request) -> web.Response:
    """The progress of a move, or the report of one that has ended."""
    return web.json_response(request.app[MOVE].state())


async def stop(request: web.Request) -> web.Response:
    """202: the move ends soon, and its report says `interrupted`."""
    request.app[MOVE].stop()
    return web.json_response(request.app[MOVE].state(), status=202)


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[MOVE].close()


def make_app(settings: Settings) -> web.Application:
    """The application; put it behind whatever says who may use it."""
    app = web.Application()
    app[MOVE] = Move(settings)
    app.cleanup_ctx.append(_closing)
    app.add_routes([web.post("/move", start), web.get("/move", show), web.delete("/move", stop)])
    return app


if __name__ == "__main__":
    web.run_app(make_app(load_settings(Path("ztoq.toml"))), host="127.0.0.1")
