"""Reading the times and time spans that options take."""

from datetime import datetime, timedelta

import typer

from services.console.moments import parse_moment
from shared.settings.values import parse_time_span


def read_moment(text: str, option: str) -> datetime:
    """Read a time with a zone (ISO 8601, RFC 3339).

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return parse_moment(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}", param_hint=option) from None


def read_span(text: str, option: str) -> timedelta:
    """Read a time span above zero: 8h, 2d.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        span = parse_time_span(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is {error}", param_hint=option) from None
    if not span:
        raise typer.BadParameter(f"{text!r} is not above zero", param_hint=option)
    return span
