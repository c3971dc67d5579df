import pytest

from services.console.names import NameUnknown, look_up, nearest


def test_a_name_that_is_there_is_found() -> None:
    assert look_up("report", "dead-servers", {"dead-servers": 1}) == 1


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        NameUnknown, match=r"there is no report 'Dead-Sevrers'; did you mean 'dead-servers'\?"
    ):
        look_up("report", "Dead-Sevrers", {"dead-servers": 1, "dead-databases": 2})


def test_a_name_like_none_is_answered_with_all_of_them() -> None:
    with pytest.raises(NameUnknown, match="there is no site 'zzz'; there are: LGH, Squamish"):
        look_up("site", "zzz", {"Squamish": 1, "LGH": 2})


def test_where_there_is_nothing_the_message_says_so() -> None:
    assert nearest("x", []) is None
    with pytest.raises(NameUnknown, match="there are: none"):
        look_up("site", "x", {})
