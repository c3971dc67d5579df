"""Expired sessions: nobody is logged in by them, and each login removes them."""

from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.dispatch import receiver
from django.utils import timezone


@receiver(user_logged_in)
def _remove_expired(**_: object) -> None:
    """So there are never more rows than logins within `console.session`, and no task has to be run for it."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
