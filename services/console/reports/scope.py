"""Which site or bot a report is run for."""

from collections.abc import Sequence

from services.console.names import look_up
from services.report_worker.report import Report
from shared.errors import MailroomError


class ScopeUnfit(MailroomError):
    """A report was asked for a site or bot that it is not about, or for none although it needs one."""


def read_scope(site: str | None, bot: str | None) -> dict[str, str] | None:
    """Return the scope that the options --site and --bot name.

    Raises:
        ScopeUnfit: both are given.
    """
    if site is not None and bot is not None:
        raise ScopeUnfit("a report is about a site or a bot; give --site or --bot, not both")
    if site is not None:
        return {"site": site}
    return {"bot": bot} if bot is not None else None


def check_scope(
    report: Report, scope: dict[str, str] | None, entities: Sequence[str], *, needed: bool
) -> None:
    """See that a report can be run for a scope.

    Args:
        report: to be run.
        scope: as asked for.
        entities: names of the enabled sites or bots, whichever the report is about.
        needed: whether one mail is asked for, so that a report for each site or bot must name one.

    Raises:
        ScopeUnfit: it takes another scope, or needs one.
        NameUnknown: there is no enabled site or bot of this name.
    """
    if scope is None:
        if needed and report.scope:
            raise ScopeUnfit(
                f"report {report.name} has a mail for each {report.scope}; give --{report.scope} NAME "
                f"({', '.join(entities) or f'no {report.scope} is enabled'})"
            )
        return
    (kind,) = scope
    if report.scope is None:
        raise ScopeUnfit(f"report {report.name} is about everything at once; leave out --{kind}")
    if report.scope != kind:
        raise ScopeUnfit(f"report {report.name} is about a {report.scope}; give --{report.scope} NAME")
    look_up(f"enabled {kind}", scope[kind], dict.fromkeys(entities))
