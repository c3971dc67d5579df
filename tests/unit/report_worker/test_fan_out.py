from services.report_worker.fan_out import child_runs
from shared.wire import ReportRun
from tests.unit.report_worker.samples import NOMINAL_AT

PARENT = ReportRun(
    "e3a5d472-0614-5663-8d6c-849c1c96557a", "events-by-site", NOMINAL_AT, requested_by="operator"
)


def test_each_entity_gets_a_run_like_its_parent() -> None:
    children = child_runs(PARENT, "site", ["LGH", "Squamish"])
    assert [child.scope for child in children] == [{"site": "LGH"}, {"site": "Squamish"}]
    assert {(child.report, child.nominal_at, child.requested_by) for child in children} == {
        ("events-by-site", NOMINAL_AT, "operator")
    }


def test_fanning_out_twice_gives_the_same_ids_and_no_two_entities_share_one() -> None:
    first, again = (child_runs(PARENT, "site", ["LGH", "Squamish"]) for _ in range(2))
    assert first == again
    assert len({child.run_id for child in first} | {child_runs(PARENT, "bot", ["LGH"])[0].run_id}) == 3
