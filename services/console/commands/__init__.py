"""One module per command group of `mailroom`; each offers a Typer `app`."""
