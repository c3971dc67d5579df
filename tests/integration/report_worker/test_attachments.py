"""How rows travel: as CSV or workbook, zipped, or fetched afterwards; and the chart beside them."""

import io
import zipfile
from datetime import timedelta

import pytest

from services.report_worker.catalogue import Catalogue
from services.report_worker.composer import Composer
from services.report_worker.export import RunHasNoRows, write_csv
from services.report_worker.preview import Occasion, occasions, preview_report
from services.report_worker.runs import RunUnknown, load_run
from services.report_worker.settings import ReportSettings
from tests.integration.report_worker.conftest import NOMINAL_AT, House, read_mail, read_text

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
SETTINGS = ReportSettings("mailroom.example.com")
BY_SITE = Catalogue.load().reports["events-by-site"]


@pytest.fixture(autouse=True)
def estate(house: House) -> None:
    house.do("add_site", name="LGH", enabled=True)
    house.do("add_bot", name="bot-a", site="LGH")
    for minutes, status in enumerate(("PASS", "PASS", "FAIL")):
        house.add_event("bot-a", NOMINAL_AT - HOUR + timedelta(minutes=minutes), status=status)


def test_a_subscription_may_want_a_workbook(house: House) -> None:
    house.do("set_attachment", name=BY_SITE.subscription, attachment="xlsx")
    house.run("events-by-site", {"site": "LGH"})
    (attachment,) = house.message().iter_attachments()
    assert attachment.get_filename() == "events-by-site_LGH_2026-11-20T23-45Z.xlsx"
    content = attachment.get_payload(decode=True)
    assert isinstance(content, bytes)
    sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
    assert sheet.count(b"<row ") == 4


def test_a_subscription_may_want_no_file(house: House) -> None:
    house.do("set_attachment", name=BY_SITE.subscription, attachment="none")
    house.run("events-by-site", {"site": "LGH"})
    assert not list(house.message().iter_attachments())
    assert "attachment" not in house.text()


def test_rows_left_out_of_a_mail_are_the_same_when_fetched_by_the_command_it_names(house: House) -> None:
    run = house.run("events-by-site", {"site": "LGH"}, args={"interval": "6h"}, attachment_limit=10)
    assert f"mailroom reports runs --csv {run.run_id}" in house.text()
    house.do("put_preference", name="report_interval", value="1m")
    out = io.BytesIO()
    with house.pool.connection() as connection, house.reports_pool.connection() as reports:
        row = load_run(connection, run.run_id)
        exported = write_csv(connection, reports, BY_SITE, row, out, settings=SETTINGS)
    assert exported.same
    assert (exported.row_count, exported.size) == (3, len(out.getvalue()))
    house.add_event("bot-a", NOMINAL_AT - HOUR)
    with house.pool.connection() as connection, house.reports_pool.connection() as reports:
        assert write_csv(connection, reports, BY_SITE, row, io.BytesIO(), settings=SETTINGS).same is False


def test_a_run_keeps_its_window_whatever_the_preference_says_later(house: House) -> None:
    run = house.run("events-by-site")
    house.do("put_preference", name="report_interval", value="1m")
    (child,) = house.publisher.commands
    assert child.args == {"interval": "12h"}
    house.make_worker().handle(child)
    assert house.ledger(child)["row_count"] == 3
    assert house.do("run_args", run_id=run.run_id) == [{"args": {"interval": "12h"}}]


def test_a_run_for_every_site_has_no_rows_of_its_own_to_fetch(house: House) -> None:
    run = house.run("events-by-site")
    with house.pool.connection() as connection, house.reports_pool.connection() as reports:
        row = load_run(connection, run.run_id)
        with pytest.raises(RunHasNoRows, match="lists its children"):
            write_csv(connection, reports, BY_SITE, row, io.BytesIO(), settings=SETTINGS)


@pytest.mark.parametrize("run_id", ["run-1", "00000000-0000-0000-0000-000000000001"])
def test_a_run_that_is_not_there_is_named(house: House, run_id: str) -> None:
    with house.pool.connection() as connection, pytest.raises(RunUnknown, match=run_id):
        load_run(connection, run_id)


def test_event_reports_have_a_chart_when_the_preference_wants_it(house: House) -> None:
    pytest.importorskip("matplotlib")
    house.do("put_preference", name="charts", value="true")
    house.run("events-by-site", {"site": "LGH"})
    message = house.message()
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "text/csv",
    ]
    (picture,) = (part for part in message.walk() if part.get_content_type() == "image/png")
    assert picture["Content-ID"] == "<chart@mailroom>"
    html = message.get_body(("html",))
    assert html is not None
    assert 'alt="Events by hour: 2 passed, 1 failed;' in html.get_content()


def test_a_chart_that_cannot_be_drawn_is_left_out_and_that_is_said(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.report_worker.composer.can_draw", lambda: False)
    house.do("put_preference", name="charts", value="true")
    house.run("events-by-site", {"site": "LGH"})
    assert "There is no chart, because the extra `charts`" in house.text()
    assert "image/png" not in {part.get_content_type() for part in house.message().walk()}


def test_a_preview_is_the_mail_without_a_trace(house: House) -> None:
    house.do("add_site", name="Empty", enabled=True)
    house.do("disable_subscription", name=BY_SITE.subscription)
    composer = Composer(house.reports_pool, SETTINGS)
    with house.pool.connection() as connection:
        asked = occasions(connection, BY_SITE, Occasion(NOMINAL_AT, schedule="By site"))
        previews = [preview_report(connection, composer, BY_SITE, each, NOMINAL_AT) for each in asked]
    assert [(preview.scope, preview.letter.row_count) for preview in previews] == [
        ({"site": "Empty"}, 0),
        ({"site": "LGH"}, 3),
    ]
    for preview in previews:
        assert not preview.mailed
        assert "is disabled" in (preview.remark or "")
        assert preview.letter.message is not None
        assert "Schedule: By site" in read_text(read_mail(preview.letter.message))
    assert house.do("runs") == []
    assert not house.publisher.published


def test_a_preview_says_who_gets_it_and_how_the_rows_travel(house: House) -> None:
    composer = Composer(house.reports_pool, SETTINGS)
    with house.pool.connection() as connection:
        occasion = Occasion(NOMINAL_AT, {"site": "LGH"})
        preview = preview_report(connection, composer, BY_SITE, occasion, NOMINAL_AT)
    assert preview.mailed
    assert [mailbox.address for mailbox in preview.recipients] == ["exchange-administrators@example.com"]
    assert preview.letter.form is not None
    assert preview.letter.form.value == "csv"


def test_a_preview_works_without_a_subscription(house: House) -> None:
    house.do("remove_subscription", name="Exchange Servers No Send")
    report = Catalogue.load().reports["no-send-servers"]
    composer = Composer(house.reports_pool, SETTINGS)
    with house.pool.connection() as connection:
        preview = preview_report(connection, composer, report, Occasion(NOMINAL_AT), NOMINAL_AT)
    assert (preview.mailed, preview.recipients) == (False, ())
    assert "there is no subscription" in (preview.remark or "")
    assert preview.letter.message is not None
