from app import app


def run_app() -> None:
    app.run(port=5000)
