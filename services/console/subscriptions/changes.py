"""Reading what an operator wants changed in a subscription, and checking it: pure functions."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.console.moments import parse_moment
from services.console.names import look_up
from services.console.subscriptions.recipients import repeated
from services.console.subscriptions.subscriptions import StoredSubscription
from services.report_worker.report import Report
from services.report_worker.subscription_check import subscription_problems
from shared.errors import MailroomError
from shared.settings.values import parse_yes_no

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RECIPIENTS = "emails_list"


class ChangeRefused(MailroomError):
    """A subscription cannot have these values; nothing was changed."""


def read_changes(assignments: Sequence[str]) -> dict[str, Any]:
    """Read FIELD=VALUE texts into values of the fields' types.

    Raises:
        NameUnknown: there is no such field.
        ChangeRefused: one is no assignment, or its value not of the field's kind; all problems at once.
    """
    values: dict[str, Any] = {}
    problems = []
    for assignment in assignments:
        field, equals, text = assignment.partition("=")
        if not equals:
            problems.append(f"{assignment!r:.80} is no FIELD=VALUE")
            continue
        read = look_up("field", field, _FIELDS)
        try:
            values[field] = read(text)
        except ValueError as error:
            problems.append(f"{field}: {text!r:.80} is {error}")
    if problems:
        raise ChangeRefused(_refusal(problems))
    return values


def check_changes(
    subscription: StoredSubscription,
    values: Mapping[str, Any],
    reports: Iterable[Report],
    *,
    force: bool,
) -> list[str]:
    """See that a subscription may have these values.

    Args:
        subscription: as it is.
        values: field to value.
        reports: all of the catalogue; columns are checked against those that use the subscription.
        force: take recipients that are malformed or repeated.

    Returns:
        What is wrong with the recipients and was taken all the same.

    Raises:
        ChangeRefused: something is wrong with a field that is to be changed; all problems at once.
    """
    problems = change_problems(subscription, values, reports)
    taken = [problem for problem in problems if force and problem.startswith(_RECIPIENTS)]
    if refused := [problem for problem in problems if problem not in taken]:
        advice = (
            ""
            if force or not any(map(_about_recipients, refused))
            else " --force takes recipients as they are."
        )
        raise ChangeRefused(_refusal(refused) + advice)
    return taken


def change_problems(
    subscription: StoredSubscription, values: Mapping[str, Any], reports: Iterable[Report]
) -> list[str]:
    """Say what is wrong with the fields that are to be changed, each as `field: what`.

    Args:
        subscription: as it is.
        values: field to value.
        reports: all of the catalogue; columns are checked against those that use the subscription.
    """
    wanted = replace(subscription, **values)
    found = list(subscription_problems(wanted.as_read_by_reports(), reports, wanted.template_name))
    found += [
        f"{_RECIPIENTS}: {address!r} is there more than once" for address in repeated(wanted.emails_list)
    ]
    return [problem for problem in found if problem.partition(":")[0] in values]


def columns_not_followed(subscription: StoredSubscription, reports: Iterable[Report]) -> list[str]:
    """Return the names of the reports that lack one of the subscription's columns and so show their own."""
    wanted = set(subscription.as_read_by_reports().column_names)
    return [
        report.name
        for report in reports
        if report.subscription == subscription.name and wanted - {column.name for column in report.columns}
    ]


def _about_recipients(problem: str) -> bool:
    return problem.startswith(_RECIPIENTS)


def _refusal(problems: Sequence[str]) -> str:
    return f"nothing was changed: {'; '.join(problems)}."


def one_line(text: str) -> str:
    """Return a text without the blanks around it.

    Raises:
        ValueError: it has a line end or another control character.
    """
    if _CONTROL.search(text):
        raise ValueError("more than one line; write it on one")
    return text.strip()


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text.strip() else None


#: Every field that can be set, with what reads its value.
_FIELDS: Mapping[str, Callable[[str], Any]] = {
    "enabled": parse_yes_no,
    "emails_list": str.strip,
    "from_email": one_line,
    "template_name": one_line,
    "email_subject": one_line,
    "alternate_email_subject": one_line,
    "columns": one_line,
    "tags": one_line,
    "mute_until": _optional(lambda text: parse_moment(text.strip())),
    "send_empty": _optional(parse_yes_no),
    "attachment": lambda text: one_line(text).lower(),
    "notes": _optional(str.strip),
}
