"""Failed logins: after a few of one name from one address, both have to pause together."""

from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import Any

import structlog
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db.models import Max, Sum
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from services.console.web.access.client_address import client_address_of
from services.console.web.project import mailroom_settings

_log = structlog.get_logger()


def pauses(**only: object) -> dict[str, datetime]:
    """Return the names that have to pause, each with the time the pause ends.

    Args:
        only: fields of the failures to look at: `username`, `ip_address`.
    """
    console = mailroom_settings().console
    failures = (
        AccessAttempt.objects.filter(attempt_time__gt=timezone.now() - console.login_pause, **only)
        .order_by()
        .values("username", "ip_address")
        .annotate(failures=Sum("failures_since_start"), latest=Max("attempt_time"))
        .filter(failures__gte=console.login_failures)
        .order_by("latest")
    )
    return {each["username"]: each["latest"] + console.login_pause for each in failures}


def refuse(request: HttpRequest, _response: HttpResponse, credentials: dict[str, Any]) -> HttpResponse:
    """Answer a login that has to pause: until when, and what else can be done."""
    name = credentials.get("username")
    until = pauses(username=name, ip_address=client_address_of(request)).get(str(name), timezone.now())
    seconds = max(1, ceil((until - timezone.now()) / timedelta(seconds=1)))
    answer = render(
        request,
        "console/access/paused.html",
        {
            "title": "Too many failed logins",
            "site_title": "Mailroom",
            "site_header": "Mailroom",
            "until": until,
            "minutes": ceil(seconds / 60),
        },
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )
    answer.headers["Retry-After"] = str(seconds)
    return answer


@receiver(user_login_failed)
def _log_failure(request: HttpRequest | None, credentials: dict[str, Any], **_: object) -> None:
    """Log a failed login; only a name there is, because people type passwords in its place."""
    name = credentials.get("username")
    known = User.objects.filter(username=name).exists()
    address = client_address_of(request) if request else None
    _log.warning("login failed", action="login-failed", user=name if known else None, address=address)


@receiver(user_logged_in)
def _log_login(request: HttpRequest, user: User, **_: object) -> None:
    _log.info("logged in", action="logged-in", user=user.get_username(), address=client_address_of(request))
