"""`mailroom deliveries`: what became of each mail at each of its recipients."""

from typing import Annotated, Literal

import typer

from services.console.completion import complete
from services.console.connection import transaction
from services.console.deliveries.deliveries import Delivery, find_deliveries, list_deliveries
from services.console.output import AsJson, print_json, print_table
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The delivery ledger.")

State = Literal["attempting", "delivered", "deferred", "failed", "held"]
_LISTED = ("mail_id", "recipient", "state", "attempts", "in_doubt", "last_attempt_at", "reply")


@app.command("list")
def list_all(
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only the failed.")] = False,
    in_doubt: Annotated[
        bool, typer.Option("--in-doubt", help="Only those nobody knows the result of.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="The most to show.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List deliveries, the latest first."""
    if failed and state not in (None, "failed"):
        raise typer.BadParameter("says another state than --state; give one of them", param_hint="--failed")
    with transaction(load_settings(context.obj).database_url) as connection:
        found = list_deliveries(
            connection, state="failed" if failed else state, in_doubt=in_doubt, limit=limit
        )
    if as_json:
        print_json(found)
        return
    print_table(_LISTED, [[getattr(delivery, name) for name in _LISTED] for delivery in found])
    if len(found) == limit:
        print(f"the first {limit}; --limit shows more")


@app.command("show")
def show(
    context: typer.Context,
    mail_id: Annotated[
        str,
        typer.Argument(
            metavar="MAIL_ID",
            help="The mail; part of its Message-ID.",
            autocompletion=complete("mails"),
        ),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Show everything the ledger has of one mail."""
    with transaction(load_settings(context.obj).database_url) as connection:
        found = find_deliveries(connection, mail_id)
    if as_json:
        print_json(found)
        return
    names = Delivery.__dataclass_fields__
    print_table(
        ("field", *(f"recipient {number}" for number in range(1, len(found) + 1))),
        [(name, *(getattr(delivery, name) for delivery in found)) for name in names],
    )
