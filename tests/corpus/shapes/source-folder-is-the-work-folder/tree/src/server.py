import argparse

from flask import Flask
from settings import NAME

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return NAME


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    app.run(port=parser.parse_args().port)
