import asyncio

import tornado.web


async def serve():
    tornado.web.Application([]).listen(6800)
    await asyncio.Event().wait()


def run():
    asyncio.run(serve())
