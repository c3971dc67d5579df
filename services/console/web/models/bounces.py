"""Bounced entries: in the queue, in quarantine, and what became of them."""

from django.db import models


class SpooledMessage(models.Model):
    """A row of `spooled_message`, without its content."""

    message_id = models.BigAutoField(primary_key=True)
    sender = models.TextField("reverse-path")
    received_at = models.DateTimeField("received")
    received_from = models.TextField(null=True)
    helo = models.TextField("HELO", null=True)
    envelope_id = models.TextField("ENVID", null=True)
    ret = models.TextField("RET", null=True)

    class Meta:
        managed = False
        db_table = "spooled_message"
        default_permissions = ()

    def __str__(self) -> str:
        return f"message {self.message_id}"


class _Entry(models.Model):
    """What queue and quarantine hold of one recipient."""

    entry_id = models.BigAutoField("entry", primary_key=True)
    recipient = models.TextField("envelope recipient")
    original_recipient = models.TextField(null=True)
    notify = models.TextField("NOTIFY", null=True)
    status = models.TextField(
        choices=[(status, status) for status in ("ready", "deferred", "bounced", "delivered")]
    )
    smtp_status = models.IntegerField("SMTP status", null=True)
    enhanced_status = models.TextField("enhanced status code", null=True)
    diagnostic = models.TextField(null=True)
    remote_mta = models.TextField("remote MTA", null=True)
    remote_ip = models.GenericIPAddressField("remote IP", null=True)
    attempts = models.IntegerField(default=0)
    last_attempt_at = models.DateTimeField("last attempt", null=True)
    bounced_at = models.DateTimeField("bounced", null=True)
    ndr_id = models.UUIDField("NDR", null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"entry {self.entry_id}"


class QueueEntry(_Entry):
    """A row of `queue_entry`."""

    message = models.ForeignKey(SpooledMessage, models.DO_NOTHING, related_name="entries")

    class Meta:
        managed = False
        db_table = "queue_entry"
        verbose_name_plural = "queue entries"
        default_permissions = ("view",)
        permissions = (("discard_queueentry", "Can discard queue entry"),)


class QuarantinedEntry(_Entry):
    """A row of `bounce_quarantine`."""

    message = models.ForeignKey(SpooledMessage, models.DO_NOTHING, related_name="quarantined")
    reason = models.TextField()
    quarantined_at = models.DateTimeField("quarantined")

    class Meta:
        managed = False
        db_table = "bounce_quarantine"
        verbose_name_plural = "quarantined entries"
        default_permissions = ("view",)
        permissions = (
            ("requeue_quarantinedentry", "Can put quarantined entry back"),
            ("discard_quarantinedentry", "Can discard quarantined entry"),
        )


class AuditRecord(models.Model):
    """A row of `bounce_audit`."""

    audit_id = models.BigAutoField(primary_key=True)
    audited_at = models.DateTimeField("at")
    action = models.TextField()
    ndr_id = models.UUIDField("NDR", null=True)
    message_id = models.BigIntegerField("message")
    entry_id = models.BigIntegerField("entry")
    sender = models.TextField("reverse-path")
    recipient = models.TextField("envelope recipient")
    received_at = models.DateTimeField("received")
    received_from = models.TextField(null=True)
    smtp_status = models.IntegerField("SMTP status", null=True)
    enhanced_status = models.TextField("enhanced status code", null=True)
    diagnostic = models.TextField(null=True)

    class Meta:
        managed = False
        db_table = "bounce_audit"
        verbose_name = "NDR audit record"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"audit record {self.audit_id}"
