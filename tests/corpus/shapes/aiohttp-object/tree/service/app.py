from aiohttp import web


async def index(request: web.Request) -> web.Response:
    return web.Response(text='aiohttp-object')


app = web.Application()
app.add_routes([web.get('/', index)])
