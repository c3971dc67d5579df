-- depends: 0007_relay
-- The chain of polls tells when it was moved, so that a clock that has gone back since is noticed.

ALTER TABLE bounce_poll ADD COLUMN moved_at timestamptz;
COMMENT ON COLUMN bounce_poll.moved_at IS 'When the row was last written; well ahead of now, it tells that the clock has gone back since, and the chain is started again.';
