import sys

from aiohttp.web import run_app

from app import setup_app

if __name__ == '__main__':
    run_app(port=8080, app=setup_app(sys.argv))
