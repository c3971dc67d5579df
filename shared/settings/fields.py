"""The forms that values of settings have."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from shared.settings.values import (
    parse_address,
    parse_existing_folder,
    parse_size,
    parse_time_span,
    parse_tuple,
    parse_yes_no,
)

TimeSpan = Annotated[timedelta, BeforeValidator(parse_time_span)]
#: A time limit; one of nothing would end every step before it began.
StepTime = Annotated[TimeSpan, Field(ge=timedelta(milliseconds=1), le=timedelta(days=1))]
Size = Annotated[int, BeforeValidator(parse_size)]
YesNo = Annotated[bool, BeforeValidator(parse_yes_no)]
Address = Annotated[str, BeforeValidator(parse_address)]
Folder = Annotated[Path, BeforeValidator(parse_existing_folder)]
DomainName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=253)]


def _parse_spans(value: object) -> tuple[timedelta, ...]:
    if isinstance(value, tuple) and all(isinstance(item, timedelta) for item in value):
        return value
    return tuple(parse_time_span(item) for item in parse_tuple(value))


#: Time spans in a row.
Spans = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(_parse_spans)]


def _keep_a_day(span: timedelta) -> timedelta:
    if timedelta() < span < timedelta(days=1):
        raise ValueError("0, or at least 1d, is needed")
    return span


#: The age from which rows go; 0: they stay.
Age = Annotated[TimeSpan, AfterValidator(_keep_a_day)]


def _url_with_scheme(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in schemes:
            raise ValueError(
                f"not a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"
            )
        if "\n" in url or "\r" in url:
            raise ValueError("a URL on one line is needed")
        return url

    return AfterValidator(check)


def _split_urls(value: object) -> object:
    return [url.strip() for url in value.split(",") if url.strip()] if isinstance(value, str) else value


PostgresqlUrl = Annotated[str, _url_with_scheme("postgresql", "postgres")]
_AmqpUrl = Annotated[str, _url_with_scheme("amqp", "amqps")]
#: Nodes of one cluster, comma-separated.
AmqpUrls = Annotated[tuple[_AmqpUrl, ...], NoDecode, BeforeValidator(_split_urls), Field(min_length=1)]
HttpUrl = Annotated[str, _url_with_scheme("http", "https")]
SmtpUrl = Annotated[str, _url_with_scheme("smtp", "smtps", "smtp+starttls")]


class Section(BaseModel):
    """Settings that belong together; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)
