"""The delivery ledger."""

from django.db import models


class Delivery(models.Model):
    """A row of `mail_delivery`.

    Its key is (mail_id, recipient), for which Django's admin has no pages; a page here is a mail's, with all
    of its recipients, so `mail_id` stands for the key.
    """

    mail_id = models.TextField("mail", primary_key=True)
    recipient = models.TextField()
    kind = models.TextField(choices=[(kind, kind) for kind in ("report", "notice", "ndr", "ndr-copy")])
    mail_from = models.TextField("reverse-path")
    state = models.TextField(
        choices=[(state, state) for state in ("attempting", "delivered", "deferred", "failed", "held")]
    )
    attempts = models.IntegerField(default=0)
    in_doubt = models.IntegerField(default=0)
    smtp_status = models.IntegerField(null=True)
    enhanced_status = models.TextField(null=True)
    reply = models.TextField(null=True)
    remote_mta = models.TextField("remote MTA", null=True)
    first_attempt_at = models.DateTimeField("first attempt")
    last_attempt_at = models.DateTimeField("last attempt")
    finished_at = models.DateTimeField("finished", null=True)
    leased_until = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "mail_delivery"
        default_permissions = ("view",)
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.mail_id} to {self.recipient}"
