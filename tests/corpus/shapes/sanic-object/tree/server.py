from sanic import Sanic
from sanic.response import text

app = Sanic('fixture')


@app.get('/')
async def index(request: object) -> object:
    return text('sanic-object')
