import base64
import io
import random
import zipfile

import pytest

from services.report_worker.attachment import Form, attach, choose_form, encoded_size, file_stem
from tests.unit.report_worker.samples import NOMINAL_AT


@pytest.mark.parametrize(
    ("csv_size", "zip_size", "form"),
    [(57, None, Form.CSV), (58, None, Form.ZIP), (58, 57, Form.ZIP), (58, 58, Form.OMITTED)],
)
def test_the_ladder_goes_from_csv_over_zip_to_nothing(
    csv_size: int, zip_size: int | None, form: Form
) -> None:
    assert choose_form(csv_size, zip_size, limit=78) is form


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 1000])
def test_the_encoded_size_is_that_of_base64_with_crlf(size: int) -> None:
    assert encoded_size(size) == len(base64.encodebytes(bytes(size)).replace(b"\n", b"\r\n"))


def test_rows_that_fit_travel_as_csv() -> None:
    form, attachment = attach(io.BytesIO(b"a\r\n"), 3, 1000, stem="x", nominal_at=NOMINAL_AT)
    assert attachment
    assert (form, attachment.file_name, attachment.content) == (Form.CSV, "x.csv", b"a\r\n")


def test_larger_rows_are_zipped_always_to_the_same_bytes() -> None:
    rows = b"the same row\r\n" * 1000
    first, second = (
        attach(io.BytesIO(rows), len(rows), 1000, stem="x", nominal_at=NOMINAL_AT) for _ in range(2)
    )
    assert first == second
    form, attachment = first
    assert attachment
    assert (form, attachment.file_name, attachment.subtype) == (Form.ZIP, "x.zip", "zip")
    assert zipfile.ZipFile(io.BytesIO(attachment.content)).read("x.csv") == rows


def test_rows_that_do_not_fit_even_zipped_are_left_out() -> None:
    rows = random.Random(1).randbytes(2000)  # noqa: S311  # incompressible, not secret
    assert attach(io.BytesIO(rows), len(rows), 1000, stem="x", nominal_at=NOMINAL_AT) == (Form.OMITTED, None)


@pytest.mark.parametrize(
    ("entity", "stem"),
    [
        ("LGH", "events_LGH_2026-11-20T23-45Z"),
        (None, "events_2026-11-20T23-45Z"),
        ("Lion's Gate/../é", "events_Lion-s-Gate-..-é_2026-11-20T23-45Z"),
        ("///", "events_unnamed_2026-11-20T23-45Z"),
        ("x" * 500, f"events_{'x' * 80}_2026-11-20T23-45Z"),
    ],
)
def test_a_file_name_holds_entity_and_nominal_time_in_safe_characters(entity: str | None, stem: str) -> None:
    assert file_stem("events", entity, NOMINAL_AT) == stem
