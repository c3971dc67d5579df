-- name: now
-- The database's clock is the house's.
SELECT now();

-- name: runs_by_state
SELECT state, count(*) FROM mailroom.report_run WHERE created_at >= %(since)s GROUP BY state;

-- name: oldest_scheduled_run
SELECT min(created_at) FROM mailroom.report_run WHERE state = 'scheduled';

-- name: deliveries_by_state
SELECT state, count(*) FROM mailroom.mail_delivery WHERE last_attempt_at >= %(since)s GROUP BY state;

-- name: failed_deliveries
SELECT mail_id, recipient, kind, enhanced_status, reply, last_attempt_at
FROM mailroom.mail_delivery
WHERE state = 'failed' AND last_attempt_at >= %(since)s
ORDER BY last_attempt_at DESC, mail_id, recipient
LIMIT %(limit)s;

-- name: counts
-- In doubt as the relay counts it. What is held was in doubt, which is what the index is on.
SELECT (SELECT count(*) FROM mailroom.mail_delivery
        WHERE state = 'failed' AND last_attempt_at >= %(since)s AND kind NOT IN ('ndr', 'ndr-copy'))
           AS undelivered_reports,
       (SELECT count(*) FROM mailroom.mail_delivery
        WHERE in_doubt > 0 AND finished_at IS NULL AND state IN ('deferred', 'held'))
     + (SELECT count(*) FROM mailroom.mail_delivery WHERE state = 'attempting' AND leased_until < now())
           AS in_doubt,
       (SELECT count(*) FROM mailroom.mail_delivery WHERE in_doubt > 0 AND finished_at IS NULL AND state = 'held')
           AS held,
       (SELECT count(*) FROM mailroom.bounce_quarantine) AS quarantined;

-- name: bounces
-- Each entry is waiting or leased, as `mailroom bounces list` has it.
SELECT count(*) FILTER (WHERE NOT leased) AS bounces_waiting,
       count(*) FILTER (WHERE leased) AS bounces_leased,
       min(bounced_at) FILTER (WHERE NOT leased) AS oldest_bounce_at,
       extract(epoch FROM now() - min(bounced_at) FILTER (WHERE NOT leased))::bigint AS oldest_bounce_age_seconds
FROM (SELECT bounced_at, coalesce(leased_until > now(), false) AS leased
      FROM mailroom.queue_entry WHERE status = 'bounced') AS entry;

-- name: poll
-- A chain that never ran is due since ever.
SELECT next_due_at IS NULL AS running, nullif(next_due_at, '-infinity') AS next_due_at, silent_after, outcome
FROM mailroom.bounce_poll;
