"""`mailroom users`: who may use the web console, and as what."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.console.completion import complete
from services.console.files import read_file
from services.console.output import AsJson, print_json, print_table
from services.console.users import users
from services.console.web import project
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The users of the web console.")

Role = Literal["viewer", "operator", "admin"]
Name = Annotated[str, typer.Argument(help="As `users list` shows it.", autocompletion=complete("users"))]
PasswordFile = Annotated[
    Path | None, typer.Option(help="A file with the password; default: asked for, or standard input.")
]
_LISTED = ("name", "role", "active", "email", "last_login", "paused_until")


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the users with their roles, removed ones too."""
    _open(context)
    found = users.list_users()
    if as_json:
        print_json(found)
    else:
        print_table(_LISTED, [[getattr(user, column) for column in _LISTED] for user in found])


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A login name.")],
    *,
    role: Annotated[Role, typer.Option(help="What the user may do.")],
    email: Annotated[str, typer.Option(help="Where to reach the user.")] = "",
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a user, or take in a removed one again."""
    _open(context)
    users.add(name, role=role, email=email, password=_read_password(password_file))
    _tell(name, f"{name} added as {role}", as_json=as_json)


@app.command("password")
def password(
    context: typer.Context, name: Name, *, password_file: PasswordFile = None, as_json: AsJson = False
) -> None:
    """Give a user another password; its logins end."""
    _open(context)
    users.set_password(name, _read_password(password_file))
    _tell(name, f"{name} has another password", as_json=as_json)


@app.command("role")
def role(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Argument(help="What the user may do.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Give a user another role."""
    _open(context)
    users.set_role(name, role)
    _tell(name, f"{name} is {role} now", as_json=as_json)


@app.command("remove")
def remove(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Take password and role from a user and end its logins; the history keeps the name."""
    _open(context)
    users.remove(name)
    _tell(name, f"{name} removed", as_json=as_json)


@app.command("unlock")
def unlock(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """End the pause after too many failed logins."""
    _open(context)
    paused = users.unlock(name)
    _tell(name, f"{name} may try again" if paused else f"nothing to do: {name} may try", as_json=as_json)


def _open(context: typer.Context) -> None:
    """Set Django up."""
    project.set_up(load_settings(context.obj))
    from services.console.web.schema import check_schema  # noqa: PLC0415 - it needs Django set up

    check_schema()


def _read_password(file: Path | None) -> str:
    """Read a password, never from the command line, which every process can see."""
    if file is not None:
        return _first_line(read_file(file).decode("utf-8", "replace"))
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more"))
    return _first_line(sys.stdin.read())


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "")


def _tell(name: str, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(next(user for user in users.list_users() if user.name == name))
    else:
        print(words)
