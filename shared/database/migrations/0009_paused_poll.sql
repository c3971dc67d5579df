-- depends: 0008_poll_clock
-- A poll that claims nothing because mail-out is too full says so.

ALTER TABLE bounce_poll DROP CONSTRAINT bounce_poll_outcome_check;
ALTER TABLE bounce_poll ADD CONSTRAINT bounce_poll_outcome_check
    CHECK (outcome IN ('found', 'empty', 'paused', 'error'));
COMMENT ON COLUMN bounce_poll.outcome IS
    'How the last chain ended: found or empty; paused, as mail-out was above ndr.mail_out_high_water; error.';
