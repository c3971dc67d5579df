import pytest

from services.console.names import NameUnknown
from services.console.reports.scope import ScopeUnfit, check_scope, read_scope
from services.report_worker.catalogue import Catalogue

REPORTS = Catalogue.load().reports
BY_SITE, PLAIN = REPORTS["events-by-site"], REPORTS["dead-servers"]
SITES = ["LGH", "Squamish"]


def test_the_options_name_a_site_or_a_bot_or_nothing() -> None:
    assert read_scope("LGH", None) == {"site": "LGH"}
    assert read_scope(None, "bot-1") == {"bot": "bot-1"}
    assert read_scope(None, None) is None
    with pytest.raises(ScopeUnfit, match="not both"):
        read_scope("LGH", "bot-1")


def test_a_report_for_each_site_needs_one_where_one_mail_is_asked_for() -> None:
    with pytest.raises(ScopeUnfit, match=r"give --site NAME \(LGH, Squamish\)"):
        check_scope(BY_SITE, None, SITES, needed=True)
    check_scope(BY_SITE, None, SITES, needed=False)
    check_scope(BY_SITE, {"site": "LGH"}, SITES, needed=True)


def test_a_scope_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ScopeUnfit, match="leave out --bot"):
        check_scope(PLAIN, {"bot": "x"}, [], needed=True)
    with pytest.raises(ScopeUnfit, match="give --site"):
        check_scope(BY_SITE, {"bot": "x"}, SITES, needed=True)


def test_a_misspelt_site_is_answered_with_the_nearest() -> None:
    with pytest.raises(NameUnknown, match="did you mean 'Squamish'"):
        check_scope(BY_SITE, {"site": "Squamsh"}, SITES, needed=True)
