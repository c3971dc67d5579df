"""The order of the console's pages."""

from services.console.web.sections import in_sections


def app(label: str, *models: str) -> dict[str, object]:
    return {"app_label": label, "name": label, "models": [{"object_name": model} for model in models]}


def test_pages_stand_in_the_sections_an_operator_works_in_and_a_new_one_is_not_lost() -> None:
    sections = in_sections(
        [app("auth", "User"), app("mailroom", "Delivery", "Novelty", "ReportRun", "Schedule")]
    )
    assert [(each["name"], [page["object_name"] for page in each["models"]]) for each in sections] == [
        ("Reports", ["Schedule", "ReportRun"]),
        ("Mail", ["Delivery"]),
        ("Access", ["User"]),
        ("More", ["Novelty"]),
    ]
