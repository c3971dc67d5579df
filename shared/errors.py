"""The root of every error that Mailroom raises on purpose."""


class MailroomError(Exception):
    """Something Mailroom knows how to explain; its message says what to do next."""
