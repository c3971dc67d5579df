"""The numbers of the overview."""

from dataclasses import replace

from services.console.status.status import Status
from services.console.status.troubles import troubles
from services.console.web.overview.tiles import ELSEWHERE, Tile, groups
from tests.unit.console.status.quiet import quiet


def tiles(status: Status) -> dict[str, Tile]:
    return {tile.name: tile for group in groups(status) for tile in group.tiles}


def test_a_number_wants_attention_with_its_trouble_alone() -> None:
    status = quiet(quarantined=4)
    found = troubles(status)
    assert {name for name, tile in tiles(status).items() if tile.wants_attention(found)} == {"quarantined"}


def test_every_trouble_but_an_outage_has_a_place_where_to_look() -> None:
    status = replace(
        quiet(
            quarantined=1,
            in_doubt=1,
            undelivered_reports=1,
            reports_enabled=False,
            malformed_preferences=("x",),
        ),
        queues={"parked": 1, "mail-out": 5000},
    )
    shown = {subject for tile in tiles(status).values() for subject in tile.troubles}
    assert {trouble.subject for trouble in troubles(status)} <= shown | ELSEWHERE.keys()


def test_the_depths_are_not_known_when_the_broker_does_not_answer() -> None:
    status = replace(quiet(), queues=None)
    unknown = {name for name, tile in tiles(status).items() if tile.value is None}
    assert unknown == {"parked", "mail-out", "retry", "report-commands", "bounce-commands"}


def test_the_steps_of_the_retry_ladder_are_one_number() -> None:
    status = replace(quiet(), queues={"retry.10s": 2, "retry.1m": 3, "retry.1h": None})
    assert tiles(status)["retry"].value == 5


def test_a_database_that_lacks_migrations_has_no_numbers() -> None:
    status = replace(quiet(), database=None, missing_migrations=("0011_x",))
    assert [group.title for group in groups(status)] == ["Queues"]
