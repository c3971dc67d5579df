"""What an operator sets, and what the scheduler and the report worker write down."""

from django.db import models


class Schedule(models.Model):
    """A row of `schedule`."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField(unique=True)
    task = models.TextField(choices=[("report.run", "run reports")], default="report.run")
    args = models.JSONField(
        "arguments",
        default=dict,
        help_text='The reports, by name: {"reports": ["no-send-servers"]}. '
        'They take an interval of their own, too: {"reports": ["dead-servers"], "interval": "6h"}.',
    )
    crontab = models.TextField(
        null=True,
        blank=True,
        help_text="Minute, hour, day of month, month, day of week: 45 7,15,23 * * *. Or @hourly, @daily.",
    )
    every = models.DurationField(
        "interval", null=True, blank=True, help_text="Instead of a crontab: 5m, 12h, 2d3h."
    )
    time_zone = models.TextField(
        default="UTC", help_text="The crontab goes by the clocks there: Europe/Paris."
    )
    enabled = models.BooleanField(
        default=True, help_text="What was due while it was disabled does not fire once it is enabled."
    )
    one_off = models.BooleanField(
        "only once", default=False, help_text="Fires once; then the scheduler disables it."
    )
    starts_at = models.DateTimeField(
        "starts", null=True, blank=True, help_text="Intervals are counted from here."
    )
    expires_after = models.DateTimeField("ends", null=True, blank=True, help_text="Nothing fires after this.")
    catch_up = models.TextField(
        "missed firings",
        choices=[("skip", "skip them"), ("latest", "fire the latest"), ("all", "fire all")],
        default="latest",
        help_text="What happens to nominal times that passed while no scheduler ran.",
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
    requested_by = models.TextField(choices=[(who, who) for who in ("schedule", "operator")])
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
    name = models.TextField(unique=True, help_text="The catalogue's reports name it.")
    enabled = models.BooleanField(default=True, help_text="Without it, the reports that use it are skipped.")
    emails_list = models.TextField(
        "recipients",
        blank=True,
        default="",
        help_text="Addresses with commas between them; also with names: Ann &lt;ann@example.com&gt;.",
    )
    from_email = models.TextField("from", help_text="Author and envelope sender; bounces come back to it.")
    template_name = models.TextField("template", default="report", help_text="There is one: report.")
    email_subject = models.TextField(
        "subject", blank=True, default="", help_text="Empty: each report's own wording."
    )
    alternate_email_subject = models.TextField(
        "subject without rows", blank=True, default="", help_text="Empty: each report's own wording."
    )
    columns = models.TextField(
        blank=True,
        default="",
        help_text="Names in order, with commas between them. Empty: each report's own columns.",
    )
    tags = models.TextField(
        blank=True,
        default="",
        help_text="With commas between them; each stands in brackets at the head of the subject.",
    )
    mute_until = models.DateTimeField(
        "muted until", null=True, blank=True, help_text="Until then, the reports that use it are skipped."
    )
    send_empty = models.BooleanField(
        "send without rows",
        null=True,
        blank=True,
        help_text="Unknown: the report decides, with the preference exchange__empty_alerts.",
    )
    attachment = models.TextField(
        choices=[("csv", "CSV"), ("xlsx", "Excel workbook"), ("none", "none")], default="csv"
    )
    notes = models.TextField(null=True, blank=True)
    updated_at = models.DateTimeField("changed", auto_now=True)
    updated_by = models.TextField("changed by", null=True, editable=False)

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
