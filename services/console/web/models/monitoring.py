"""What is watched: sites, bots, servers, databases, domain pairs."""

from django.db import models

#: Rows appear with their first event, so nobody adds them by hand.
_SEEN = ("view", "change", "delete")


class Site(models.Model):
    """A row of `site`."""

    name = models.TextField(primary_key=True)
    enabled = models.BooleanField(default=True)
    notes = models.TextField(null=True, blank=True)

    class Meta:
        managed = False
        db_table = "site"
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Bot(models.Model):
    """A row of `bot`."""

    host_name = models.TextField(primary_key=True)
    site = models.ForeignKey(Site, models.SET_NULL, db_column="site", null=True, blank=True)
    ip_address = models.GenericIPAddressField("IP address", null=True, blank=True)
    enabled = models.BooleanField(default=True)
    last_seen = models.DateTimeField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = "bot"
        ordering = ("host_name",)
        default_permissions = _SEEN

    def __str__(self) -> str:
        return self.host_name


class Server(models.Model):
    """A row of `exchange_server`."""

    name = models.TextField(primary_key=True)
    enabled = models.BooleanField(default=True)
    last_connection = models.DateTimeField(null=True, editable=False)
    last_send = models.DateTimeField(null=True, editable=False)
    last_inbox_access = models.DateTimeField(null=True, editable=False)
    last_seen = models.DateTimeField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = "exchange_server"
        ordering = ("name",)
        verbose_name = "Exchange server"
        default_permissions = _SEEN

    def __str__(self) -> str:
        return self.name


class Database(models.Model):
    """A row of `exchange_database`."""

    id = models.BigAutoField(primary_key=True)
    name = models.TextField()
    server = models.ForeignKey(Server, models.CASCADE, db_column="server")
    enabled = models.BooleanField(default=True)
    last_access = models.DateTimeField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = "exchange_database"
        ordering = ("server", "name")
        verbose_name = "Exchange database"
        default_permissions = _SEEN

    def __str__(self) -> str:
        return f"{self.name} on {self.server_id}"


class DomainPair(models.Model):
    """A row of `domain_pair`."""

    id = models.BigAutoField(primary_key=True)
    site = models.ForeignKey(Site, models.CASCADE, db_column="site", null=True, blank=True)
    from_domain = models.TextField()
    to_domain = models.TextField()
    status = models.TextField(choices=[("PASS", "PASS"), ("FAIL", "FAIL")])
    last_verified = models.DateTimeField(null=True, editable=False)
    enabled = models.BooleanField(default=True)
    is_expired = models.BooleanField("expired", default=False)

    class Meta:
        managed = False
        db_table = "domain_pair"
        ordering = ("from_domain", "to_domain", "site")
        default_permissions = _SEEN

    def __str__(self) -> str:
        return f"{self.from_domain} to {self.to_domain}"
