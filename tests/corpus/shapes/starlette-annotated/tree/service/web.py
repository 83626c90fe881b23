from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def index(request: object) -> PlainTextResponse:
    return PlainTextResponse('starlette-annotated')


application: Starlette = Starlette(routes=[Route('/', index)])
