"""Places between ledger and mail server: only so many mails have an attempt that is not sent yet."""

import threading

from services.mail_relay.places import Places

SOON = 5.0


def test_who_finds_no_place_waits_until_one_is_given_back() -> None:
    places = Places(1)
    had = threading.Event()

    def wait_for_one() -> None:
        with places.taken() as give_back:
            assert give_back is not None
            had.set()

    with places.taken() as give_back:
        assert give_back is not None
        other = threading.Thread(target=wait_for_one)
        other.start()
        assert not had.wait(0.05)
        give_back()
        assert had.wait(SOON), "given back before the end"
    other.join(SOON)


def test_a_place_is_given_back_once_however_it_ends() -> None:
    places = Places(1)
    with places.taken() as give_back:
        assert give_back is not None
        give_back()
        give_back()
    with places.taken() as first:
        assert first is not None
        second = threading.Thread(target=lambda: places.taken().__enter__())
        second.daemon = True
        second.start()
        second.join(0.05)
        assert second.is_alive(), "there is one place, not two"
        places.abandon()
        second.join(SOON)


def test_nobody_waits_once_places_are_abandoned() -> None:
    places = Places(1)
    answers: list[bool] = []

    def wait_for_one() -> None:
        with places.taken() as give_back:
            answers.append(give_back is not None)

    with places.taken() as give_back:
        assert give_back is not None
        waiting = threading.Thread(target=wait_for_one)
        waiting.start()
        places.abandon()
        waiting.join(SOON)

    assert answers == [False]
