import os

from aiohttp import web


def create_app():
    app = web.Application()
    app["store"] = os.environ["STORE"]
    return app


def start_site():
    web.run_app(create_app(), port=8085)
