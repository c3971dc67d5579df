"""What an operator sets, and what the scheduler and the report worker write down."""

from django.db import models


class Schedule(models.Model):
    """A row of `schedule`."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    task = models.TextField(default="report.run")
    args = models.JSONField(default=dict)
    crontab = models.TextField(null=True, blank=True)
    every = models.DurationField(null=True, blank=True)
    time_zone = models.TextField(default="UTC")
    enabled = models.BooleanField(default=True)
    one_off = models.BooleanField("only once", default=False)
    starts_at = models.DateTimeField(null=True, blank=True)
    expires_after = models.DateTimeField(null=True, blank=True)
    catch_up = models.TextField(
        choices=[("skip", "skip them"), ("latest", "fire the latest"), ("all", "fire all")], default="latest"
    )
    last_nominal_at = models.DateTimeField("last nominal time", null=True, editable=False)
    run_count = models.BigIntegerField("firings", default=0, editable=False)
    description = models.TextField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    enabled_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        managed = False
        db_table = "schedule"
        ordering = ("name",)
        permissions = (("run_schedule", "Can run schedule now"),)

    def __str__(self) -> str:
        return self.name


class ReportRun(models.Model):
    """A row of `report_run`."""

    run_id = models.UUIDField(primary_key=True)
    report = models.TextField()
    scope = models.JSONField(null=True)
    nominal_at = models.DateTimeField("nominal time")
    schedule = models.TextField(null=True)
    parent_run_id = models.UUIDField(null=True)
    requested_by = models.TextField()
    args = models.JSONField(default=dict)
    state = models.TextField(
        choices=[
            (state, state)
            for state in ("scheduled", "running", "fanned-out", "sent", "empty", "skipped", "failed")
        ]
    )
    reason = models.TextField(null=True)
    row_count = models.BigIntegerField("rows", null=True)
    csv_sha256 = models.TextField("SHA-256 of the CSV", null=True)
    csv_bytes = models.BigIntegerField("octets of the CSV", null=True)
    mail_bytes = models.BigIntegerField("octets of the mail", null=True)
    mail_id = models.TextField("mail", null=True)
    error = models.TextField(null=True)
    attempts = models.IntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField("created")
    started_at = models.DateTimeField("started", null=True)
    finished_at = models.DateTimeField("finished", null=True)

    class Meta:
        managed = False
        db_table = "report_run"
        default_permissions = ("view",)
        permissions = (("repeat_reportrun", "Can run report again"),)

    def __str__(self) -> str:
        return f"{self.report} of {self.nominal_at:%Y-%m-%d %H:%M} UTC"


class Subscription(models.Model):
    """A row of `subscription`."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    enabled = models.BooleanField(default=True)
    emails_list = models.TextField("recipients", blank=True, default="")
    from_email = models.TextField("from")
    template_name = models.TextField("template", default="report")
    email_subject = models.TextField("subject", blank=True, default="")
    alternate_email_subject = models.TextField("subject without rows", blank=True, default="")
    columns = models.TextField(blank=True, default="")
    tags = models.TextField(blank=True, default="")
    mute_until = models.DateTimeField("muted until", null=True, blank=True)
    send_empty = models.BooleanField("send without rows", null=True, blank=True)
    attachment = models.TextField(
        choices=[("csv", "CSV"), ("xlsx", "Excel workbook"), ("none", "none")], default="csv"
    )
    notes = models.TextField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.TextField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = "subscription"
        ordering = ("name",)
        permissions = (
            ("mute_subscription", "Can mute subscription"),
            ("test_subscription", "Can send a test mail of subscription"),
        )

    def __str__(self) -> str:
        return self.name


class Preference(models.Model):
    """A row of `preference`."""

    id = models.BigAutoField(primary_key=True)
    section = models.TextField()
    name = models.TextField()
    value = models.TextField(blank=True)

    class Meta:
        managed = False
        db_table = "preference"
        ordering = ("section", "name")
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return f"{self.section}__{self.name}"
