"""Django, configured from Mailroom's settings: the one place where the two meet."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import django
import psycopg
from csp.constants import NONE, SELF
from django.conf import settings as configured
from psycopg.conninfo import conninfo_to_dict

from shared.database.connections import check_database
from shared.database.statements import load_statements
from shared.settings import Settings

_SQL = load_statements("services.console.web", "project.sql")
_APP = "services.console.web.apps.ConsoleConfig"
_ACCESS = "services.console.web.access"


def set_up(settings: Settings) -> None:
    """Configure Django for this process; where that was done for another database, lead it to this one.

    Raises:
        DatabaseUnreachable: the database does not answer.
        SchemaOutdated: migrations are missing.
    """
    check_database(settings.database_url)
    if configured.configured:
        point_at(settings)
        return
    database, key = _read_database(settings.database_url)
    configured.configure(**django_settings(settings, database, key))
    django.setup()


def mailroom_settings() -> Settings:
    """Return the settings that Django was configured from."""
    settings: Settings = getattr(configured, "MAILROOM")  # noqa: B009 - the type checker knows Django's own alone
    return settings


def django_settings(settings: Settings, database: str, signing_key: str) -> dict[str, Any]:
    """Derive Django's settings.

    Args:
        settings: Mailroom's own.
        database: name of the database that `settings.database_url` leads to.
        signing_key: for cookies and forms.
    """
    url = urlsplit(settings.console.url)
    secure = url.scheme == "https"
    return {
        "MAILROOM": settings,
        "SECRET_KEY": signing_key,
        "ALLOWED_HOSTS": [url.hostname or "localhost", *settings.console.hosts],
        "CSRF_TRUSTED_ORIGINS": [f"{url.scheme}://{url.netloc}"],
        "DATABASES": {"default": _database(settings.database_url, database)},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": [
            _APP,
            "services.console.web.apps.ConsoleAdminConfig",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "django.contrib.staticfiles",
            "axes",
            "csp",
        ],
        "MIDDLEWARE": [
            "django.middleware.security.SecurityMiddleware",
            "whitenoise.middleware.WhiteNoiseMiddleware",
            f"{_ACCESS}.request_log.RequestLog",
            f"{_ACCESS}.headers.Headers",
            "csp.middleware.CSPMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
            "axes.middleware.AxesMiddleware",
        ],
        "ROOT_URLCONF": "services.console.web.urls",
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ],
                },
            }
        ],
        "STATIC_URL": "static/",
        "WHITENOISE_USE_FINDERS": True,
        "WHITENOISE_AUTOREFRESH": False,
        "USE_TZ": True,
        "TIME_ZONE": settings.reports.time_zone,
        "LANGUAGE_CODE": "en",
        "FORMAT_MODULE_PATH": "services.console.web.formats",
        "LOGGING_CONFIG": None,
        **_access(settings, secure=secure),
    }


def _access(settings: Settings, *, secure: bool) -> dict[str, Any]:
    """Who gets in, and what a browser is told to keep to."""
    return {
        "AUTHENTICATION_BACKENDS": [
            "axes.backends.AxesStandaloneBackend",
            "django.contrib.auth.backends.ModelBackend",
        ],
        "AUTH_PASSWORD_VALIDATORS": [
            {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
            for name, options in (
                ("UserAttributeSimilarityValidator", {}),
                ("MinimumLengthValidator", {"min_length": 12}),
                ("CommonPasswordValidator", {}),
                ("NumericPasswordValidator", {}),
            )
        ],
        "AXES_FAILURE_LIMIT": settings.console.login_failures,
        "AXES_COOLOFF_TIME": settings.console.login_pause,
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_RESET_ON_SUCCESS": True,
        # who tries during the pause does not make it longer: the page says when it ends
        "AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT": False,
        "AXES_LOCKOUT_CALLABLE": f"{_ACCESS}.throttle.refuse",
        "AXES_CLIENT_IP_CALLABLE": f"{_ACCESS}.client_address.client_address_of",
        "AXES_DISABLE_ACCESS_LOG": True,
        "AXES_ENABLE_ADMIN": False,
        "AXES_VERBOSE": False,
        "LOGIN_URL": "admin:login",
        "LOGIN_REDIRECT_URL": "admin:index",
        "SESSION_COOKIE_NAME": "mailroom_session",
        "SESSION_COOKIE_AGE": settings.console.session // timedelta(seconds=1),
        "SESSION_SAVE_EVERY_REQUEST": True,
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "CSRF_COOKIE_NAME": "mailroom_csrf",
        "CSRF_COOKIE_SECURE": secure,
        "CSRF_COOKIE_HTTPONLY": True,
        "CSRF_FAILURE_VIEW": f"{_ACCESS}.failures.form_too_old",
        "SECURE_HSTS_SECONDS": 31_536_000 if secure else 0,
        "SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https") if secure else None,
        "SECURE_REFERRER_POLICY": "same-origin",
        "X_FRAME_OPTIONS": "SAMEORIGIN",
        "CONTENT_SECURITY_POLICY": {
            "DIRECTIVES": {
                "default-src": [SELF],
                "img-src": [SELF, "data:"],
                "object-src": [NONE],
                "base-uri": [SELF],
                "form-action": [SELF],
                "frame-ancestors": [SELF],
            }
        },
    }


def migrate(settings: Settings) -> list[str]:
    """Bring the console's own tables, permissions and groups to this version; safe to run again.

    Returns:
        The names of the migrations applied now, in order.

    Raises:
        DatabaseUnreachable: the database does not answer, or the login may not act as the console's role.
        SchemaOutdated: Mailroom's own migrations are missing.
    """
    set_up(settings)
    from services.console.web import schema  # it needs Django set up

    return schema.migrate(settings.database_url)


def point_at(settings: Settings) -> None:
    """Lead a process whose Django is set up to another database; for tests."""
    from django.db import connections

    database, key = _read_database(settings.database_url)
    for name, value in django_settings(settings, database, key).items():
        setattr(configured, name, value)
    connections.close_all()
    for made in connections.all(initialized_only=True):
        del connections[made.alias]
    connections.settings = connections.configure_settings(configured.DATABASES)


def _read_database(database_url: str) -> tuple[str, str]:
    """Read a database's name and the key that signs the console's cookies."""
    with psycopg.connect(database_url, connect_timeout=10) as connection:
        row = connection.execute(_SQL["signing_key"]).fetchone()
        if row is None:
            raise psycopg.OperationalError("console_signing_key is empty; run: mailroom db migrate")
        return connection.info.dbname, str(row[0])


def _database(url: str, name: str) -> dict[str, Any]:
    """Django's form of a PostgreSQL URL; every session acts as the console's role."""
    given = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
    own = {key: given.pop(key, "") for key in ("user", "password", "host", "port")}
    given.pop("dbname", None)
    given.pop("options", None)  # whoever the URL acts as, the console acts as its own role
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        **{key.upper(): value for key, value in own.items()},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 10,
            "application_name": "mailroom console",
            **given,
            "options": f"-c role={name}_console -c search_path=console,mailroom",
        },
    }
