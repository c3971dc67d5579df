-- name: add_delivery
INSERT INTO mailroom.mail_delivery
    (mail_id, recipient, kind, mail_from, state, first_attempt_at, last_attempt_at, finished_at)
VALUES (%(mail_id)s, %(recipient)s, 'ndr', '', %(state)s, now() - %(ago)s, now() - %(ago)s,
        CASE WHEN %(finished)s THEN now() - %(ago)s END)
RETURNING mail_id;

-- name: add_run
INSERT INTO mailroom.report_run (run_id, report, nominal_at, state, parent_run_id, mail_id, created_at, finished_at)
VALUES (%(run_id)s, 'events-by-site', now() - %(ago)s, %(state)s, %(parent)s, %(mail_id)s, now() - %(ago)s,
        CASE WHEN %(state)s NOT IN ('scheduled', 'running') THEN now() - %(ago)s END)
RETURNING run_id;

-- name: add_audit
INSERT INTO mailroom.bounce_audit (audited_at, action, message_id, entry_id, sender, recipient, received_at)
VALUES (now() - %(ago)s, 'reported', 1, %(entry_id)s, 'a@example.com', 'b@example.com', now() - %(ago)s)
RETURNING audit_id;

-- name: add_entry
WITH message AS (
    INSERT INTO mailroom.spooled_message (sender, received_at, content)
    VALUES ('a@example.com', now() - %(ago)s, 'x') RETURNING message_id
)
INSERT INTO mailroom.queue_entry (message_id, recipient, status, ndr_id, leased_until)
SELECT message_id, 'b@example.com', %(status)s, %(ndr_id)s, now() - %(ago)s FROM message
RETURNING entry_id;

-- name: add_quarantined
WITH message AS (
    INSERT INTO mailroom.spooled_message (sender, received_at, content)
    VALUES ('a@example.com', now() - %(ago)s, 'x') RETURNING message_id
)
INSERT INTO mailroom.bounce_quarantine (entry_id, message_id, recipient, status, attempts, reason, quarantined_at)
SELECT 2000, message_id, 'b@example.com', 'bounced', 0, 'a test', now() - %(ago)s FROM message
RETURNING entry_id;

-- name: add_held
INSERT INTO mailroom.ndr_held
    (entry_id, ndr_id, message_id, sender, recipient, status, bounced_at, held_at, digest_id, digested_at)
VALUES (%(entry_id)s, gen_random_uuid(), 1, 'a@example.com', 'b@example.com', '5.0.0', now() - %(ago)s,
        now() - %(ago)s, %(digest_id)s, CASE WHEN %(digested)s THEN now() - %(ago)s END)
RETURNING entry_id;

-- name: add_delay_notice
INSERT INTO mailroom.delay_notice (entry_id, threshold, message_id, ndr_id, leased_until)
VALUES (%(entry_id)s, '4 hours', 1, %(ndr_id)s, now() - %(ago)s)
RETURNING entry_id;

-- name: add_schedule
INSERT INTO mailroom.schedule (name, every) VALUES (%(name)s, '1 day') RETURNING name;

-- name: add_firing
INSERT INTO mailroom.firing (schedule, nominal_at, claimed_at, published_at)
VALUES (%(schedule)s, now() - %(ago)s, now() - %(ago)s, CASE WHEN %(published)s THEN now() - %(ago)s END)
RETURNING schedule;

-- name: add_body
INSERT INTO mailroom.mail_body (mail_id, content, size, sha256, created_at)
VALUES (%(mail_id)s, 'x', 1, 'x', now() - %(ago)s)
RETURNING mail_id;

-- name: add_event
INSERT INTO mailroom.bot_event (bot, event_group_id, status, type, registered_on)
VALUES ('bot1', 'site+bot1+1', 'PASS', 'send', %(at)s)
RETURNING uuid;

-- name: add_message
INSERT INTO mailroom.bot_message (event, identifier) VALUES (%(event)s, 'x') RETURNING event;

-- name: partitions
SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'mailroom.bot_event'::regclass;

-- name: bounds
SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %(name)s;

-- name: indexes
SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', '')
FROM pg_index WHERE indrelid = ('mailroom.' || %(name)s)::regclass AND EXISTS (
    SELECT FROM pg_inherits WHERE inhrelid = indexrelid);
