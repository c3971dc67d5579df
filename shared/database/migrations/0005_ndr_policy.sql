-- depends: 0004_installed_control_rows
-- What the NDR worker's policies remember: delay notices, NDRs counted against a sender's budget, housekeeping.

ALTER TABLE queue_entry DROP CONSTRAINT queue_entry_status_check;
ALTER TABLE queue_entry ADD CONSTRAINT queue_entry_status_check
    CHECK (status IN ('ready', 'deferred', 'bounced', 'delivered'));
COMMENT ON COLUMN queue_entry.status IS
    'delivered: left here by the MTA because its sender asked for NOTIFY=SUCCESS; taken only with ndr.success_notices.';
CREATE INDEX queue_entry_delivered ON queue_entry (entry_id) WHERE status = 'delivered' AND ndr_id IS NULL;
CREATE INDEX queue_entry_deferred ON queue_entry (message_id) WHERE status = 'deferred';

CREATE TABLE delay_notice (
    entry_id     bigint NOT NULL,
    threshold    interval NOT NULL,
    message_id   bigint NOT NULL,
    ndr_id       uuid NOT NULL,
    leased_until timestamptz NOT NULL,
    noticed_at   timestamptz,
    PRIMARY KEY (entry_id, threshold)
);
CREATE INDEX delay_notice_open ON delay_notice (leased_until) WHERE noticed_at IS NULL;
COMMENT ON TABLE delay_notice IS
    'One row per deferred entry and threshold of age; inserting it is the claim of its delay notice.';

CREATE TABLE ndr_issued (
    ndr_id    uuid PRIMARY KEY,
    sender    text NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    held      boolean NOT NULL
);
CREATE INDEX ndr_issued_sender ON ndr_issued (sender, issued_at);
COMMENT ON TABLE ndr_issued IS 'NDRs counted against their sender''s budget; kept for one period.';
COMMENT ON COLUMN ndr_issued.sender IS 'Lower case, without the tags of BATV, SRS and sub-addressing.';
COMMENT ON COLUMN ndr_issued.held IS 'Past the budget: goes into a digest.';

CREATE TABLE ndr_held (
    entry_id     bigint PRIMARY KEY,
    ndr_id       uuid NOT NULL,
    message_id   bigint NOT NULL,
    sender       text NOT NULL,
    recipient    text NOT NULL,
    status       text NOT NULL,
    diagnostic   text,
    bounced_at   timestamptz NOT NULL,
    held_at      timestamptz NOT NULL DEFAULT now(),
    digest_id    uuid,
    leased_until timestamptz,
    digested_at  timestamptz
);
CREATE INDEX ndr_held_waiting ON ndr_held (sender, held_at) WHERE digested_at IS NULL;
COMMENT ON TABLE ndr_held IS 'Failed recipients that a digest tells their sender of, in place of NDRs past the budget.';
COMMENT ON COLUMN ndr_held.digest_id IS 'Given when the digest is claimed, before anything is made of it.';

ALTER TABLE bounce_poll ADD COLUMN housekept_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN bounce_poll.housekept_at IS 'When housekeeping last ran; moving it on is the claim of the next one.';
