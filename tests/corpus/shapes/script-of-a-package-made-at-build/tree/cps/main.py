from . import app
from .server import WebServer


def main() -> None:
    WebServer(app).start()
