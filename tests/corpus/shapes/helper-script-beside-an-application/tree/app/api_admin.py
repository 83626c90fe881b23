import typer

app = typer.Typer(no_args_is_help=True)


@app.command()
def users() -> None:
    print("none")


@app.command()
def keys() -> None:
    print("none")


if __name__ == "__main__":
    app()
