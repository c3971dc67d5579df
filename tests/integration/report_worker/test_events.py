"""What others are told of report runs, after the run is closed."""

import uuid
from contextlib import suppress
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from services.report_worker.catalogue import Catalogue
from services.report_worker.settings import ReportSettings
from services.report_worker.worker import ReportWorker
from shared.broker import Topology
from shared.broker.events import Events
from shared.wire import Event, ReportRun
from shared.worker import Poison
from tests.doubles.publisher import RecordingPublisher
from tests.integration.report_worker.conftest import NOMINAL_AT, House

pytestmark = pytest.mark.integration


def test_a_closed_run_is_announced_once_with_what_became_of_it(house: House) -> None:
    publisher = RecordingPublisher()
    worker = ReportWorker(
        pool=house.pool,
        reports_pool=house.reports_pool,
        publisher=publisher,
        topology=Topology(),
        catalogue=Catalogue.load(),
        settings=ReportSettings("mailroom.example.com", ZoneInfo("America/Vancouver")),
        clock=lambda: NOMINAL_AT + timedelta(minutes=1),
        events=Events("mailroom.events", publisher),
    )
    empty = ReportRun(str(uuid.uuid4()), "no-send-servers", NOMINAL_AT)
    unknown = ReportRun(str(uuid.uuid4()), "no-such-report", NOMINAL_AT)
    fanned_out = ReportRun(str(uuid.uuid4()), "events-by-site", NOMINAL_AT)
    for run in (empty, empty, unknown, fanned_out):
        with suppress(Poison):
            worker.handle(run)
    events = [Event.decode(posted.type, posted.body) for posted in publisher.posted]
    assert [(event.event, event.subject_id, event.details) for event in events] == [
        ("report.empty", empty.run_id, {"report": "no-send-servers", "rows": 0}),
        ("report.failed", unknown.run_id, {"report": "no-such-report", "rows": None}),
    ]
