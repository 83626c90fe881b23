"""What is known of frameworks: their objects, their calls, and how each is served."""

from __future__ import annotations

from typing import Literal

from karst.inspection.entrypoint import Protocol
from karst.inspection.scan import SKIPPED_FOLDERS

Family = Literal["asgi", "wsgi", "aiohttp", "sanic"]

# The constructor of an application, by the modules it is imported from.
OBJECTS: dict[tuple[str, str], Family] = {
    ("fastapi", "FastAPI"): "asgi",
    ("starlette", "Starlette"): "asgi",
    ("litestar", "Litestar"): "asgi",
    ("quart", "Quart"): "asgi",
    ("fasthtml", "FastHTML"): "asgi",
    ("fasthtml", "fast_app"): "asgi",
    ("socketio", "ASGIApp"): "asgi",
    ("blacksheep", "Application"): "asgi",
    ("falcon.asgi", "App"): "asgi",
    ("flask", "Flask"): "wsgi",
    ("apiflask", "APIFlask"): "wsgi",
    ("flask_openapi3", "OpenAPI"): "wsgi",
    ("falcon", "App"): "wsgi",
    ("falcon", "API"): "wsgi",
    ("bottle", "Bottle"): "wsgi",
    ("dash", "Dash"): "wsgi",
    ("aiohttp", "Application"): "aiohttp",
    ("sanic", "Sanic"): "sanic",
}
WEB_OBJECTS = frozenset(name for _, name in OBJECTS) | {"SocketIO", "Robyn"}

# A call that waits for requests: its dotted end, a module that must be imported, the
# protocol, and the port that it takes where none is given.
SERVING_CALLS: tuple[tuple[str, str, Protocol, int | None], ...] = (
    ("uvicorn.run", "", "http", 8000),
    ("uvicorn.Server", "", "http", None),
    ("uvicorn.Config", "", "http", 8000),
    ("web.run_app", "", "http", 8080),
    ("run_app", "aiohttp", "http", 8080),
    ("TCPSite", "aiohttp", "http", None),
    ("socketio.run", "", "http", 5000),
    ("serve", "waitress", "http", 8080),
    ("serve", "hypercorn", "http", None),
    ("serve", "fasthtml", "http", 5001),
    ("run_simple", "werkzeug", "http", 5000),
    ("make_server", "wsgiref", "http", None),
    ("WSGIServer", "gevent", "http", None),
    ("HTTPServer", "http", "http", None),
    ("ThreadingHTTPServer", "http", "http", None),
    ("listen", "tornado", "http", None),
    ("quickstart", "cherrypy", "http", 8080),
    ("engine.start", "cherrypy", "http", 8080),
    ("launch", "gradio", "http", 7860),
    ("ui.run", "nicegui", "http", 8080),
    ("Granian", "granian", "http", 8000),
    ("grpc.server", "", "grpc", None),
    ("aio.server", "grpc", "grpc", None),
)

BOTS = frozenset(
    {
        "discord",
        "disnake",
        "nextcord",
        "hikari",
        "interactions",
        "telegram",
        "telebot",
        "aiogram",
        "pyrogram",
        "telethon",
        "slack_bolt",
        "twitchio",
        "vkbottle",
        "nio",
    }
)
BOT_CALLS = frozenset(
    {
        "run",
        "start",
        "run_polling",
        "start_polling",
        "infinity_polling",
        "polling",
        "run_until_disconnected",
        "run_forever",
        "sync_forever",
        "idle",
    }
)
WORKER_CALLS = frozenset(
    {"worker_main", "run_worker", "start_consuming", "run_pending", "BlockingScheduler"}
)

# Distributions that are what others build upon: a repository of one is no service.
LIBRARIES = frozenset(
    {
        *("flask", "fastapi", "starlette", "django", "sanic", "aiohttp", "quart"),
        *("litestar", "tornado", "bottle", "falcon", "werkzeug", "uvicorn", "gunicorn"),
        *("hypercorn", "daphne", "waitress", "granian", "streamlit", "gradio", "dash"),
        *("celery", "rq", "arq", "dramatiq", "huey", "discord-py", "aiogram"),
        *("python-telegram-bot", "python-fasthtml", "hug", "nicegui", "connexion"),
        *("click", "typer", "pytest", "pydantic", "sqlalchemy", "httpx", "requests"),
    }
)

# Folders whose programs serve the repository or show it, beside those of the scan.
ASIDE = SKIPPED_FOLDERS | {
    *("sandbox", "demo", "demos", "playground", "sample", "samples", "tutorial"),
    *("tutorials", "contrib", "extra", "extras", "tools", "tool", "hooks", "dev", "ci"),
    *("migrations", "alembic", "notebooks", "static", "old", "archive", "backup"),
    *("test_suite", "integration_tests", "e2e", "perf", "devtools", "maintenance"),
}

# Files of tools that make projects: folders with a placeholder for a name beside them
# are still to be filled in.
TEMPLATES = frozenset({"cookiecutter.json", "copier.yml", "copier.yaml"})
