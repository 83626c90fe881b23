import click

from printer import serving


@click.group()
def octo() -> None:
    pass


@octo.command(name='serve')
def serve_command() -> None:
    serving.run()


@octo.command()
def plugins() -> None:
    pass
