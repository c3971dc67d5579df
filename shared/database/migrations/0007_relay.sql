-- depends: 0006_all_reports
-- The relay: attempts with an identity, deliveries held in doubt, and limits of destinations.

ALTER TABLE mail_delivery DROP CONSTRAINT mail_delivery_state_check;
ALTER TABLE mail_delivery ADD CONSTRAINT mail_delivery_state_check
    CHECK (state IN ('attempting', 'delivered', 'deferred', 'failed', 'held'));
ALTER TABLE mail_delivery
    ADD COLUMN attempt_id uuid,
    ADD COLUMN not_before timestamptz,
    ADD COLUMN released_at timestamptz;
COMMENT ON COLUMN mail_delivery.state IS 'held: in doubt, and not sent again unless an operator releases it (relay.in_doubt = hold).';
COMMENT ON COLUMN mail_delivery.attempt_id IS 'The last attempt, shared by all recipients it was opened for; only its relay may close it.';
COMMENT ON COLUMN mail_delivery.not_before IS 'The turn kept for this recipient by its destination''s rate (destination_rate).';
COMMENT ON COLUMN mail_delivery.released_at IS 'An operator let a held recipient go: it is offered once more, even if the mail has expired.';

CREATE TABLE destination_slot (
    domain       text NOT NULL,
    number       integer NOT NULL,
    attempt_id   uuid,
    leased_until timestamptz,
    PRIMARY KEY (domain, number)
) WITH (fillfactor = 50);
CREATE INDEX destination_slot_attempt ON destination_slot (attempt_id);
COMMENT ON TABLE destination_slot IS 'Mails that may be on their way to a domain at once, over all relays (relay.limits); a row per place, added when first needed.';
COMMENT ON COLUMN destination_slot.leased_until IS 'Until then the place belongs to the attempt; a place without it is free.';

CREATE TABLE destination_rate (
    domain       text PRIMARY KEY,
    next_free_at timestamptz NOT NULL,
    reserved_at  timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE destination_rate IS 'When the next recipient of a domain has its turn, over all relays (relay.limits); a row in the past says no more than no row.';
COMMENT ON COLUMN destination_rate.reserved_at IS 'When next_free_at was last moved on; later than now, it tells that the clock has gone back since.';
