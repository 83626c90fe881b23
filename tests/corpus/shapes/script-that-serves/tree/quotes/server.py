import os

from aiohttp import web


async def index(request: web.Request) -> web.Response:
    return web.Response(text="script-that-serves")


def main() -> None:
    app = web.Application()
    app.add_routes([web.get("/", index)])
    web.run_app(app, port=int(os.environ.get("PORT", "8085")))
