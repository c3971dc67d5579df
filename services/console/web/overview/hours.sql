-- name: runs
-- A run that fanned out is left out: those it fanned out into are counted.
SELECT floor(extract(epoch FROM created_at - %(begin)s) / 3600)::integer AS hour,
       CASE WHEN state IN ('empty', 'skipped') THEN 'not sent'
            WHEN state IN ('sent', 'failed') THEN state
            ELSE 'in progress' END AS outcome,
       count(*)
FROM mailroom.report_run
WHERE created_at >= %(begin)s AND created_at < %(end)s AND state <> 'fanned-out'
GROUP BY hour, outcome;

-- name: bounces
-- The audit has no index on time: its ids, which grow with it, narrow it down.
SELECT floor(extract(epoch FROM audited_at - %(begin)s) / 3600)::integer AS hour,
       CASE WHEN action LIKE '%%reported' THEN 'sender told'
            WHEN action = 'held-for-digest' THEN 'kept for a digest'
            WHEN action = 'quarantined' THEN 'quarantined'
            ELSE 'discarded' END AS outcome,
       count(*)
FROM mailroom.bounce_audit
WHERE audit_id >= %(first_audit)s AND audited_at >= %(begin)s AND audited_at < %(end)s
GROUP BY hour, outcome;

-- name: deliveries
SELECT floor(extract(epoch FROM last_attempt_at - %(begin)s) / 3600)::integer AS hour,
       CASE WHEN state IN ('delivered', 'deferred', 'failed') THEN state ELSE 'open' END AS outcome,
       count(*)
FROM mailroom.mail_delivery
WHERE last_attempt_at >= %(begin)s AND last_attempt_at < %(end)s
GROUP BY hour, outcome;
