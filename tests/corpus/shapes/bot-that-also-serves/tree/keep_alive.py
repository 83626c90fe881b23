from threading import Thread

from flask import Flask

app = Flask('')


def run() -> None:
    app.run(host='0.0.0.0', port=8080)


def keep_alive() -> None:
    Thread(target=run).start()
