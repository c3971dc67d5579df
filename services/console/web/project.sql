-- name: signing_key
SELECT key FROM mailroom.console_signing_key;

-- name: lock_migrations
-- The same lock as for Mailroom's own migrations: one process at a time, let go when its session ends.
SELECT pg_advisory_lock(hashtext('mailroom migrations'));
