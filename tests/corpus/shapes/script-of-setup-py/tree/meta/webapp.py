from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return "script-of-setup-py"


def run() -> None:
    app.run(port=8888)
