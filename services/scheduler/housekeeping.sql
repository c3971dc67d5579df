-- name: claim
-- The row lock lets one replica alone see a round as due. One claimed ahead of now was claimed before the clock
-- went back.
SELECT now(), horizon
FROM mailroom.housekeeping
WHERE claimed_at <= now() - %(interval)s OR claimed_at > now() + %(interval)s
FOR UPDATE SKIP LOCKED;

-- name: begin
UPDATE mailroom.housekeeping SET claimed_at = now(), horizon = %(horizon)s;

-- name: finish
UPDATE mailroom.housekeeping SET finished_at = now();

-- name: finished_at
SELECT finished_at FROM mailroom.housekeeping;

-- name: now
SELECT now();

-- name: event_preferences
SELECT name, value FROM mailroom.preference
WHERE section = 'exchange' AND name IN ('expire_events', 'delete_expired');

-- name: delete
-- A template, for the old rows of a table. Another's locked rows are passed over, and a row is looked at again once
-- it is locked, so that one which has become young meanwhile stays.
DELETE FROM {table}
WHERE ctid = ANY(ARRAY({old} LIMIT %(limit)s FOR UPDATE OF old SKIP LOCKED));

-- name: delete_unchanging
-- The same for a table whose rows never change, and which this role therefore may not update.
DELETE FROM {table}
WHERE ctid = ANY(ARRAY({old} LIMIT %(limit)s));

-- name: count
SELECT count(*) FROM ({old}) AS old

-- name: old_bounce_audit
-- The entry it tells of is no longer anybody's work.
SELECT old.ctid
FROM mailroom.bounce_audit AS old
WHERE old.audited_at < %(older_than)s
  AND NOT EXISTS (SELECT FROM mailroom.queue_entry AS entry WHERE entry.entry_id = old.entry_id)
  AND NOT EXISTS (SELECT FROM mailroom.bounce_quarantine AS entry WHERE entry.entry_id = old.entry_id)
  AND NOT EXISTS (SELECT FROM mailroom.ndr_held AS held
                  WHERE held.entry_id = old.entry_id AND held.digested_at IS NULL)
ORDER BY old.audited_at

-- name: old_mail_delivery
-- All recipients of the mail are finished, and what it was made from will not make it again: a later copy would find
-- no row and be sent once more.
SELECT old.ctid
FROM mailroom.mail_delivery AS old
WHERE old.last_attempt_at < %(older_than)s AND old.finished_at < %(older_than)s
  AND NOT EXISTS (
    SELECT FROM mailroom.mail_delivery AS other
    WHERE other.mail_id = old.mail_id
      AND (other.finished_at IS NULL OR other.finished_at >= %(older_than)s))
  AND split_part(old.mail_id, '.', 2) NOT IN (
    SELECT ndr_id::text FROM mailroom.queue_entry WHERE ndr_id IS NOT NULL
    UNION ALL SELECT ndr_id::text FROM mailroom.delay_notice WHERE noticed_at IS NULL
    UNION ALL SELECT digest_id::text FROM mailroom.ndr_held WHERE digest_id IS NOT NULL AND digested_at IS NULL
    UNION ALL SELECT run_id::text FROM mailroom.report_run WHERE state IN ('scheduled', 'running'))
ORDER BY old.last_attempt_at

-- name: old_mail_body
-- The relay removes a body with its mail; left are those of mails that never got there.
SELECT old.ctid
FROM mailroom.mail_body AS old
WHERE old.created_at < %(older_than)s
  AND NOT EXISTS (SELECT FROM mailroom.mail_delivery AS delivery
                  WHERE delivery.mail_id = old.mail_id AND delivery.finished_at IS NULL)
  AND split_part(old.mail_id, '.', 2) NOT IN (
    SELECT run_id::text FROM mailroom.report_run WHERE state IN ('scheduled', 'running'))
ORDER BY old.created_at

-- name: old_report_run
-- Finished, its mail too, and all the runs that it fanned out into as well; these go before it.
SELECT old.ctid
FROM mailroom.report_run AS old
WHERE old.created_at < %(older_than)s AND old.finished_at < %(older_than)s
  AND old.state NOT IN ('scheduled', 'running')
  AND NOT EXISTS (SELECT FROM mailroom.mail_delivery AS delivery
                  WHERE delivery.mail_id = old.mail_id AND delivery.finished_at IS NULL)
  AND NOT EXISTS (
    SELECT FROM mailroom.report_run AS child
    WHERE child.parent_run_id = old.run_id
      AND (child.finished_at IS NULL OR child.finished_at >= %(older_than)s
           OR child.created_at >= %(older_than)s OR child.state IN ('scheduled', 'running')
           OR EXISTS (SELECT FROM mailroom.mail_delivery AS delivery
                      WHERE delivery.mail_id = child.mail_id AND delivery.finished_at IS NULL)))
ORDER BY old.parent_run_id IS NULL, old.created_at

-- name: old_firing
-- Published, and not the latest of its schedule, from which that goes on when the clock goes back.
SELECT old.ctid
FROM mailroom.firing AS old
WHERE old.nominal_at < %(older_than)s AND old.published_at IS NOT NULL
  AND EXISTS (SELECT FROM mailroom.firing AS later
              WHERE later.schedule = old.schedule AND later.nominal_at > old.nominal_at
                AND later.published_at IS NOT NULL)
ORDER BY old.nominal_at

-- name: expire_events
-- The oldest ones, by a bound and not one by one: so the index of the unexpired leads to them, where a join would read
-- all events there are.
UPDATE mailroom.bot_event SET is_expired = true
WHERE NOT is_expired AND registered_on <= (
    SELECT max(registered_on)
    FROM (SELECT registered_on FROM mailroom.bot_event
          WHERE NOT is_expired AND registered_on < %(before)s
          ORDER BY registered_on
          LIMIT %(limit)s) AS oldest);

-- name: count_unexpired
-- Those that stay: whole months and, of the default partition, single events are removed before.
SELECT count(*) FROM mailroom.bot_event
WHERE registered_on < %(before)s AND NOT is_expired
  AND registered_on >= coalesce(CASE WHEN tableoid = 'mailroom.bot_event_default'::regclass THEN %(removed)s::timestamptz
                                     ELSE date_trunc('month', %(removed)s::timestamptz, 'UTC') END, '-infinity');

-- name: prepare_months
SELECT mailroom.prepare_event_partitions();

-- name: missing_months
SELECT count(*)
FROM generate_series(0, 2) AS ahead
WHERE to_regclass('mailroom.bot_event_'
    || to_char(date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month', 'YYYY_MM')) IS NULL;

-- name: months
SELECT to_date(right(child.relname, 7), 'YYYY_MM')::timestamp AT TIME ZONE 'UTC'
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = 'mailroom.bot_event'::regclass AND child.relname ~ '^bot_event_\d{4}_\d{2}$';

-- name: drop_month
SELECT mailroom.drop_event_partition(%(month)s);

-- name: walk_month
-- Page by page along the primary key of one partition.
SELECT uuid FROM mailroom.bot_event
WHERE registered_on >= %(month)s AND registered_on < %(next_month)s AND uuid > %(after)s
ORDER BY uuid
LIMIT %(limit)s;

-- name: delete_messages
DELETE FROM mailroom.bot_message WHERE event = ANY(%(events)s);

-- name: count_month
SELECT count(event.uuid), count(message.event)
FROM mailroom.bot_event AS event
LEFT JOIN mailroom.bot_message AS message ON message.event = event.uuid
WHERE event.registered_on >= %(month)s AND event.registered_on < %(next_month)s;

-- name: count_strays
SELECT count(event.uuid), count(message.event)
FROM mailroom.bot_event_default AS event
LEFT JOIN mailroom.bot_message AS message ON message.event = event.uuid
WHERE event.registered_on < %(before)s;

-- name: delete_strays
-- Events of months that have no partition, with their messages.
WITH events AS (
    DELETE FROM mailroom.bot_event_default
    WHERE ctid = ANY(ARRAY(SELECT ctid FROM mailroom.bot_event_default
                           WHERE registered_on < %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING uuid
), messages AS (
    DELETE FROM mailroom.bot_message AS message USING events WHERE message.event = events.uuid
    RETURNING message.event
)
SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM messages);
