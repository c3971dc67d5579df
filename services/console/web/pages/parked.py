"""Parked messages: what no worker could process, to be looked at, replayed or discarded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from services.console.names import NameUnknown, look_up
from services.console.parked import decisions
from services.console.parked.message import ParkedMessage as OnBroker
from services.console.parked.queue import list_parked
from services.console.web.confirmation import ask, is_confirmed
from services.console.web.models import ParkedMessage
from services.console.web.pages.page import ReadOnlyPage, note_change, transaction
from services.console.web.project import mailroom_settings
from shared.broker import Topology
from shared.errors import MailroomError
from shared.wire import Mail

#: Messages that the list shows; those behind them come up when these are dealt with.
_MOST = 200


@dataclass(frozen=True, slots=True)
class Decision:
    """What can be done with parked messages."""

    name: str
    done: str
    explanation: str

    @property
    def permission(self) -> str:
        """What a user needs for it."""
        return f"mailroom.{self.name}_parkedmessage"


_DECISIONS = {
    decision.name: decision
    for decision in (
        Decision(
            "replay",
            "replayed",
            "They go back to the queues they came from, with their ids; what was finished is not done again. "
            "A mail that is held in doubt is sent once more.",
        ),
        Decision(
            "discard",
            "discarded",
            "They are removed for good: what they asked for is not done. "
            "A mail that is held in doubt is left at that.",
        ),
    )
}


@admin.register(ParkedMessage)
class ParkedPage(ReadOnlyPage):
    """The parked queue as it is now; looking takes nothing out of it."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the messages; replay or discard those that were chosen."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._decide(request)
        return self._page(request, "console/parked/list.html", "Parked messages", self._listed())

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one message."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        message_id = unquote(object_id)
        try:
            parked = {message.message_id: message for message in _parked()}
            message = look_up("parked message", message_id, parked)
        except NameUnknown as error:
            self.message_user(request, str(error), messages.WARNING)
            return HttpResponseRedirect(_list_address())
        except MailroomError as error:
            context: dict[str, Any] = {"problem": str(error)}
        else:
            context = {
                "message": message,
                "summary": message.summary(),
                "headers": sorted((name, str(value)) for name, value in message.headers.items()),
                "body": json.dumps(message.content(), indent=2, ensure_ascii=False, default=str),
                "is_mail": message.type == Mail.TYPE,
            }
        return self._page(request, "console/parked/message.html", f"Parked message {message_id}", context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ParkedMessage | None:
        """Return a stand-in, for the history: it goes on when the message is gone."""
        return ParkedMessage(message_id=object_id)

    def _listed(self) -> dict[str, Any]:
        try:
            found = _parked(_MOST)
        except MailroomError as error:
            return {"problem": str(error)}
        rows = [(message.summary(), _address(message)) for message in found]
        return {"rows": rows, "cut": len(found) == _MOST}

    def _page(self, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
        allowed = [each for each in _DECISIONS.values() if request.user.has_perm(each.permission)]
        common = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "decisions": allowed,
            "list_address": _list_address(),
        }
        return TemplateResponse(request, template, {**common, **context})

    def _decide(self, request: HttpRequest) -> HttpResponse:
        """Do what was chosen, once somebody has said yes."""
        decision = _DECISIONS.get(request.POST.get("action", ""))
        everything = "everything" in request.POST
        chosen = request.POST.getlist("message")
        if decision is None or not request.user.has_perm(decision.permission):
            raise PermissionDenied
        if not (everything or chosen):
            self.message_user(request, "Nothing was changed: select messages first.", messages.WARNING)
        elif not is_confirmed(request):
            return _asked(request, decision, None if everything else chosen)
        else:
            self._carry_out(request, decision, None if everything else chosen)
        return HttpResponseRedirect(_list_address())

    def _carry_out(self, request: HttpRequest, decision: Decision, message_ids: Sequence[str] | None) -> None:
        act = decisions.replay if decision.name == "replay" else decisions.discard

        def note(message: OnBroker) -> None:
            what = f"{decision.done.capitalize()}: {message.type} from {message.origin}."
            note_change(request, ParkedMessage, message.message_id, message.message_id, what)

        try:
            done = act(mailroom_settings(), transaction, message_ids, done=note)
        except (MailroomError, psycopg.Error) as error:
            self.message_user(request, f"Not all was {decision.done}: {error}", messages.ERROR)
            return
        number = f"{len(done)} message{'' if len(done) == 1 else 's'}"
        self.message_user(request, f"{number} {decision.done}.", messages.SUCCESS)


def _asked(request: HttpRequest, decision: Decision, message_ids: Sequence[str] | None) -> HttpResponse:
    which = "all parked messages" if message_ids is None else "these messages"
    chosen = {"everything": ["1"]} if message_ids is None else {"message": message_ids}
    return ask(
        request,
        question=f"{decision.name.capitalize()} {which}?",
        explanation=decision.explanation,
        items=message_ids or (),
        fields={"action": [decision.name], **chosen},
        button=f"{decision.name.capitalize()} them",
    )


def _parked(limit: int | None = None) -> list[OnBroker]:
    settings = mailroom_settings()
    return list_parked(settings.amqp_url, Topology.of(settings), limit)


def _address(message: OnBroker) -> str | None:
    """Where one is shown; None for one without an id."""
    if not message.message_id:
        return None
    return reverse("admin:mailroom_parkedmessage_change", args=(quote(message.message_id),))


def _list_address() -> str:
    return reverse("admin:mailroom_parkedmessage_changelist")
