"""What somebody typed to find report runs."""

from uuid import UUID

import pytest

from services.console.web.runs.search import names_with, run_id_range

RUN = "0123abcd-4567-4890-abcd-ef0123456789"


@pytest.mark.parametrize(
    "term", [RUN, RUN.upper(), RUN.replace("-", ""), f"report.{RUN}", f"report-failure.{RUN}"]
)
def test_a_whole_id_is_a_range_of_one_however_it_is_written(term: str) -> None:
    assert run_id_range(term) == (UUID(RUN), UUID(RUN))


def test_the_beginning_of_an_id_is_the_range_of_all_that_begin_so() -> None:
    assert run_id_range("0123abcd-4") == (
        UUID("0123abcd-4000-0000-0000-000000000000"),
        UUID("0123abcd-4fff-ffff-ffff-ffffffffffff"),
    )


@pytest.mark.parametrize(
    "term", ["dead", "dead-servers", "report", "no-send-servers", "0123abcg", RUN + "0", ""]
)
def test_what_is_no_beginning_of_an_id_is_none(term: str) -> None:
    assert run_id_range(term) is None


def test_names_are_found_by_their_words_in_any_order_and_case() -> None:
    names = {"Exchange send receive by bot report", "Exchange send receive by site report"}

    assert names_with("BOT exchange", names) == {"Exchange send receive by bot report", "BOT exchange"}


def test_what_was_typed_is_itself_a_name_that_may_be_gone() -> None:
    assert names_with("mine", set()) == {"mine"}
