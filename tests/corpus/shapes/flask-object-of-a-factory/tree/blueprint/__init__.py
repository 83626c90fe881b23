from flask import Flask


def create_app(config: object = None) -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def index() -> str:
        return "x"

    return app
