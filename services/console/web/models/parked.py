"""Parked messages, which are on the broker: there is no table, only who may do what with them."""

from django.db import models


class ParkedMessage(models.Model):
    """One message of the parked queue; of use for its name, its permissions and its history."""

    message_id = models.TextField("message", primary_key=True)

    class Meta:
        managed = False
        default_permissions = ("view",)
        permissions = (
            ("replay_parkedmessage", "Can replay parked message"),
            ("discard_parkedmessage", "Can discard parked message"),
        )

    def __str__(self) -> str:
        return self.message_id
