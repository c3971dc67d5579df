"""What a mail was made from, told from its id."""

from uuid import UUID

import pytest

from services.console.deliveries.origins import Origin, ids_of, origin_of

ID = "0123abcd-4567-4890-abcd-ef0123456789"


@pytest.mark.parametrize(
    ("mail_id", "kind"),
    [
        (f"report.{ID}", "run"),
        (f"report-failure.{ID}", "run"),
        (f"ndr.{ID}", "ndr"),
        (f"ndr.{ID}.0a1b2c3d", "ndr"),
        (f"double.{ID}", "ndr"),
    ],
)
def test_a_mail_leads_to_its_run_or_ndr(mail_id: str, kind: str) -> None:
    found = origin_of(mail_id)

    assert found is not None
    assert (found.kind, found.id) == (kind, UUID(ID))


@pytest.mark.parametrize("mail_id", [f"digest.{ID}", f"ndr.{ID}.copy", "ndr.1", "hello", f"x.{ID}", ""])
def test_other_mails_lead_nowhere(mail_id: str) -> None:
    assert origin_of(mail_id) is None


def test_every_id_that_a_run_or_ndr_can_have_leads_back_to_it() -> None:
    origins = {origin_of(mail_id) for mail_id in ids_of(UUID(ID))}

    assert origins == {None, Origin("run", UUID(ID)), Origin("ndr", UUID(ID))}
