import click
from flask import Flask


@click.group()
def cli() -> None:
    pass


@cli.command()
def convert() -> None:
    click.echo("converted")


@cli.command()
@click.option("--port", default=8001)
def serve(port: int) -> None:
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "command-line-tool-that-serves")
    app.run(port=8001)
