from zoneinfo import ZoneInfo

import pytest

from services.report_worker.footer import Footer
from services.report_worker.mail import Body
from services.report_worker.rendering import Cell, View, render_body, show_rows, text_table
from services.report_worker.report import Column
from services.report_worker.wording import Wording, omission_note, rows_note

VANCOUVER = ZoneInfo("America/Vancouver")
COLUMNS = (
    Column("server", "Exchange Server"),
    Column("status", "Status", "status"),
    Column("last_send", "Last Send", "time"),
)
ROWS = (("<b>&", "FAIL", "2026-11-20T11:15:08.127784+00:00"), ("ex2", "PASS", ""))


def body(
    rows: tuple[tuple[str, ...], ...] = ROWS,
    columns: tuple[Column, ...] = COLUMNS,
    *,
    warning: str = "",
    picture: bytes | None = None,
) -> Body:
    wording = Wording("s", "INFO", "Servers of Lion's & <Gate>", "2 rows", "What they are.", "plain", warning)
    footer = Footer((("Run", "1"),), (("To stop it", "mailroom subscriptions mute Ops"),))
    view = View(wording, footer, columns, show_rows(columns, rows, VANCOUVER), ("All 2 rows.",), picture)
    return render_body(view)


def test_cells_show_local_times_marks_and_words_for_nothing() -> None:
    assert show_rows(COLUMNS, ROWS, VANCOUVER) == (
        (Cell("<b>&"), Cell("✗ FAIL", "fail"), Cell("2026-11-20 03:15:08 PST", "time")),
        (Cell("ex2"), Cell("✓ PASS", "pass"), Cell("never", "nothing")),
    )


def test_html_is_escaped_everywhere() -> None:
    html = body().html
    assert "<b>" not in html
    assert "&lt;b&gt;&amp;" in html
    assert "Servers of Lion's &amp; &lt;Gate&gt;" in html.replace("&#39;", "'")


def test_html_has_its_styles_inline_and_knows_dark_screens() -> None:
    html = body().html
    assert "<td style=" in html
    assert "prefers-color-scheme" in html
    assert '<meta name="color-scheme"' in html


def test_text_is_not_escaped_and_its_table_is_aligned() -> None:
    text = body().text
    assert "Servers of Lion's & <Gate>" in text
    assert "Exchange Server  Status  Last Send\n" in text
    assert "<b>&             ✗ FAIL  2026-11-20 03:15:08 PST\n" in text
    assert "ex2              ✓ PASS  never\n" in text


def test_a_table_too_wide_for_text_becomes_records() -> None:
    columns = tuple(Column(f"c{number}", f"Column {number}") for number in range(3))
    rows = (("x" * 50, "y" * 50, "z"),)
    assert text_table(columns, show_rows(columns, rows, VANCOUVER)) is None
    assert f"Column 0: {'x' * 50}\nColumn 1: {'y' * 50}\nColumn 2: z\n" in body(rows, columns).text


@pytest.mark.parametrize(
    ("row_count", "shown", "attached", "note"),
    [
        (0, 0, False, ""),
        (1, 1, True, "The row is in the attachment, too."),
        (12, 12, True, "All 12 rows are in the attachment."),
        (2352, 100, True, "The first 100 of 2,352 rows are shown. All 2,352 rows are in the attachment."),
        (2352, 100, False, "The first 100 of 2,352 rows are shown."),
        (2352, 0, True, "All 2,352 rows are in the attachment."),
    ],
)
def test_a_note_says_where_the_rows_are(row_count: int, shown: int, note: str, *, attached: bool) -> None:
    assert rows_note(row_count, shown, attached=attached) == note


def test_an_omitted_attachment_is_plainly_said_with_the_command_that_fetches_it() -> None:
    note = omission_note("run-1", 10 << 20)
    assert "larger than the 10.0 MiB" in note
    assert note.endswith("mailroom reports runs --csv run-1 > run-1.csv")


def test_a_warning_stands_above_the_rows() -> None:
    said = body(warning="No bot reported anything.")
    assert said.text.index("No bot reported anything.") < said.text.index("ex2")
    assert said.html.index("No bot reported anything.") < said.html.index("ex2")


def test_the_footer_says_where_a_mail_comes_from_and_how_to_stop_it() -> None:
    said = body()
    for text in (said.text, said.html):
        assert "mailroom subscriptions mute Ops" in text


def test_a_picture_is_referred_to_by_its_content_id() -> None:
    assert 'src="cid:chart@mailroom"' in body(picture=b"png").html
    assert "cid:" not in body().html
