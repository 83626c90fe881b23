import whitenoise
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    return f"kiosk, {whitenoise.__name__}"
