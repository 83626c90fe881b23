"""HTTP/1.1, WebSocket and streams on 127.0.0.1 alone."""

import asyncio
import hashlib
import json
import os

from aiohttp import web


async def hello(_):
    return web.Response(text="web: hello")


async def seen(request):
    """Tell what arrived: the raw headers as pairs, and the HTTP version."""
    headers = [[name.decode(), value.decode()] for name, value in request.raw_headers]
    version = f"{request.version.major}.{request.version.minor}"
    return web.Response(text=json.dumps({"headers": headers, "version": version}))


async def upload(request):
    digest = hashlib.sha256()
    size = 0
    async for piece in request.content.iter_chunked(65536):
        digest.update(piece)
        size += len(piece)
    return web.Response(text=json.dumps([size, digest.hexdigest()]))


async def download(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(int(request.query["mebibytes"])):
        await answer.write(b"d" * 1024 * 1024)
    return answer


async def ticks(request):
    """One line after another, `pause` seconds between them."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for number in range(int(request.query["count"])):
        if number:
            await asyncio.sleep(float(request.query["pause"]))
        await answer.write(b"tick %d\n" % number)
    return answer


async def socket(request):
    connection = web.WebSocketResponse()
    await connection.prepare(request)
    await connection.send_str("web: welcome")
    async for message in connection:
        if isinstance(message.data, bytes):
            await connection.send_bytes(message.data[::-1])
        else:
            await connection.send_str(message.data.upper())
    return connection


if __name__ == "__main__":
    app = web.Application(client_max_size=2**40)
    app.router.add_get("/", hello)
    app.router.add_get("/seen", seen)
    app.router.add_post("/upload", upload)
    app.router.add_get("/download", download)
    app.router.add_get("/ticks", ticks)
    app.router.add_get("/socket", socket)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
