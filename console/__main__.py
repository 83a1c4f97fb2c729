"""`python -m console`: the entry point of the container. Listens on PORT, behind Identity-Aware Proxy."""

import click

from shared.terminal.run import run


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), envvar="PORT", default=8080, show_default=True)
def main(port: int) -> None:
    """Serves the console behind Identity-Aware Proxy."""
    from console.serve import behind_iap, serve  # noqa: PLC0415 - `--help` does not need it

    serve(behind_iap(), f"0.0.0.0:{port}")


if __name__ == "__main__":
    run(main, "python -m console")
