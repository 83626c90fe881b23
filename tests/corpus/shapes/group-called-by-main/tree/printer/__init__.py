def main() -> None:
    from printer.cli import octo

    octo(prog_name='printer')
