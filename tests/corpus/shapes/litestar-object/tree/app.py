from litestar import Litestar, get


@get('/')
async def index() -> str:
    return 'litestar-object'


app = Litestar([index])
