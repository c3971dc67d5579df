from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from services.console.sample_data.load import counts
from services.console.sample_data.rows import Event
from services.console.sample_data.sample import Sample, sample
from services.console.sample_data.topology import DISABLED_SITE, SILENT_SITE

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
WINDOW = timedelta(hours=12)


@pytest.fixture(scope="module")
def seeds() -> Sample:
    return sample(2026, 1, NOW)


def registered_on(event: Event) -> datetime:
    return event.registered_on


def test_the_same_arguments_give_the_same_rows(seeds: Sample) -> None:
    assert sample(2026, 1, NOW) == seeds


def test_another_seed_gives_other_events_and_bounces(seeds: Sample) -> None:
    other = sample(2027, 1, NOW)

    assert other.events != seeds.events
    assert other.queue != seeds.queue


def test_a_later_nominal_time_moves_every_event_by_as_much(seeds: Sample) -> None:
    later = sample(2026, 1, NOW + timedelta(days=1))

    moved = [event.registered_on + timedelta(days=1) for event in seeds.events]
    assert [event.registered_on for event in later.events] == moved


def test_the_estate_has_the_counts_of_the_original(seeds: Sample) -> None:
    assert len(seeds.sites) == 8
    assert len(seeds.bots) == 14
    assert len(seeds.servers) == 22
    assert len(seeds.databases) == 98
    shares = Counter(Counter(database.name for database in seeds.databases).values())
    assert shares == {1: 50, 2: 24}


def test_one_site_and_one_bot_are_disabled_and_one_bot_has_no_site(seeds: Sample) -> None:
    assert [site.name for site in seeds.sites if not site.enabled] == [DISABLED_SITE]
    assert len([bot for bot in seeds.bots if not bot.enabled]) == 1
    assert len([bot for bot in seeds.bots if bot.site is None]) == 1


def test_only_the_silent_enabled_site_has_no_event_in_the_window(seeds: Sample) -> None:
    site_of = {bot.host_name: bot.site for bot in seeds.bots}
    active = {site_of[event.bot] for event in seeds.events if event.registered_on >= NOW - WINDOW}

    assert {site.name for site in seeds.sites if site.enabled} - active == {SILENT_SITE}


def test_all_events_lie_in_the_36_hours_before_the_nominal_time(seeds: Sample) -> None:
    times = [event.registered_on for event in seeds.events]

    assert NOW - timedelta(hours=36) < min(times) < NOW - timedelta(hours=34)
    assert NOW - timedelta(minutes=30) < max(times) < NOW


def test_a_failed_send_is_followed_by_no_receive(seeds: Sample) -> None:
    by_uuid = {event.uuid: event for event in seeds.events}
    mails = defaultdict(list)
    for mail in seeds.event_mails:
        event = by_uuid[mail.event]
        mails[mail.identifier].append((event.type, event.status))

    histories = Counter(tuple(history) for history in mails.values())
    assert set(histories) == {
        (("send", "FAIL"),),
        (("send", "PASS"), ("receive", "PASS")),
        (("send", "PASS"), ("receive", "FAIL")),
    }


def test_a_failed_receive_knows_neither_sender_nor_receiver(seeds: Sample) -> None:
    by_uuid = {event.uuid: event for event in seeds.events}
    receives = [mail for mail in seeds.event_mails if by_uuid[mail.event].type == "receive"]

    for mail in receives:
        passed = by_uuid[mail.event].status == "PASS"
        assert (mail.received_from is not None) is passed
        assert (mail.received_by is not None) is passed


def test_what_the_reports_show_needs_escaping(seeds: Sample) -> None:
    shown = {mail.received_from for mail in seeds.event_mails} | {mail.sent_to for mail in seeds.event_mails}
    exceptions = {event.exception for event in seeds.events if event.exception}

    assert any(text and text.startswith("=") for text in shown)
    assert any(text and "<b>" in text for text in shown)
    assert any(text and ", " in text for text in shown)
    assert any("<script>" in text for text in exceptions)
    assert any("\n" in text for text in exceptions)
    assert any(text.startswith("=cmd") for text in exceptions)
    assert any(not text.isascii() for text in exceptions)


def test_a_server_was_last_seen_at_its_last_success(seeds: Sample) -> None:
    last: dict[str, dict[str, datetime]] = defaultdict(dict)
    for event in sorted(seeds.events, key=registered_on):
        if event.status == "PASS" and event.mail_account:
            last[event.mail_account.split("-")[1]][event.type] = event.registered_on

    for server in seeds.servers:
        if server.enabled:
            times = last[server.name]
            assert server.last_connection == times.get("connection")
            assert server.last_send == times.get("send")
            assert server.last_inbox_access == times.get("receive")
            assert server.last_seen == max(times.values(), default=None)


@pytest.mark.parametrize("column", ["last_connection", "last_send", "last_inbox_access", "last_seen"])
def test_some_enabled_servers_are_alive_some_stale_and_some_never_seen(seeds: Sample, column: str) -> None:
    times = [getattr(server, column) for server in seeds.servers if server.enabled]

    assert any(time is None for time in times)
    assert any(time is not None and time < NOW - WINDOW for time in times)
    assert sum(time is not None and time >= NOW - WINDOW for time in times) > 10


def test_some_databases_are_dead_alone_and_some_dead_ones_are_disabled(seeds: Sample) -> None:
    def dead(time: datetime | None) -> bool:
        return time is None or time < NOW - WINDOW

    alive = {server.name for server in seeds.servers if not dead(server.last_inbox_access)}

    assert any(dead(database.last_access) for database in seeds.databases if database.server in alive)
    assert any(dead(database.last_access) for database in seeds.databases if not database.enabled)
    assert sum(not dead(database.last_access) for database in seeds.databases) > 50


def test_domain_pairs_are_in_every_state(seeds: Sample) -> None:
    pairs = [pair for pair in seeds.domain_pairs if pair.enabled and not pair.is_expired]

    assert {pair.status for pair in pairs} == {"PASS", "FAIL"}
    assert any(pair.last_verified is None for pair in pairs)
    assert any(pair.last_verified and pair.last_verified < NOW - WINDOW for pair in pairs)
    assert any(not pair.enabled for pair in seeds.domain_pairs)
    assert any(pair.is_expired for pair in seeds.domain_pairs)
    assert len({pair[:3] for pair in seeds.domain_pairs}) == len(seeds.domain_pairs)


def test_scale_multiplies_events_and_bounces_only(seeds: Sample) -> None:
    single, double = counts(seeds), counts(sample(2026, 2, NOW))

    assert double.servers == single.servers
    assert double.messages == 2 * single.messages
    assert 1.8 < double.events / single.events < 2.2
