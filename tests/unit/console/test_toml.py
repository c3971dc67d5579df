import tomllib

from hypothesis import given
from hypothesis import strategies as st

from services.console import toml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(TEXTS, max_size=3),
    st.dictionaries(TEXTS, TEXTS, max_size=3),
)
SECTIONS = st.dictionaries(TEXTS, VALUES, max_size=4)


@given(SECTIONS, SECTIONS)
def test_what_is_written_is_read_back(top: dict[str, toml.Value], section: dict[str, toml.Value]) -> None:
    # A key of its own, so that no value of the top has the section's name.
    top = {f"top {key}": value for key, value in top.items()}

    assert tomllib.loads(toml.document({"": top, "sect ion": section})) == {**top, "sect ion": section}


def test_a_section_is_written_as_a_person_would() -> None:
    written = toml.document({"": {"a": 1}, "ndr": {"subject": 'say "no"', "to": ["x", "y"]}})

    assert written == 'a = 1\n\n[ndr]\nsubject = "say \\"no\\""\nto = ["x", "y"]\n'
