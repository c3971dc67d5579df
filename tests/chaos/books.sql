-- name: ndr_mails
-- Each NDR the audit knows of, with the only recipient it may have: the sender without its source route.
SELECT DISTINCT 'ndr.' || ndr_id AS mail_id, regexp_replace(sender, '^@[^:]*:', '') AS recipient
FROM mailroom.bounce_audit
WHERE action = 'reported';

-- name: report_mails
SELECT mail_id, report FROM mailroom.report_run WHERE mail_id IS NOT NULL;

-- name: ledger
SELECT mail_id, recipient, state, in_doubt FROM mailroom.mail_delivery;

-- name: audited
-- Every entry whose end was audited, with the NDR that reports it.
SELECT entry_id, ndr_id::text FROM mailroom.bounce_audit WHERE action <> 'delay-reported';

-- name: flaws
-- Each of these numbers must be 0 once everything has come to rest.
SELECT
    (SELECT count(*) FROM chaos.bounced b
     WHERE (SELECT count(*) FROM mailroom.bounce_audit a
            WHERE a.entry_id = b.entry_id AND a.action <> 'delay-reported') = 0)
        AS "bounced entries nobody accounts for",
    (SELECT count(*) FROM (SELECT entry_id FROM mailroom.bounce_audit WHERE action <> 'delay-reported'
                           GROUP BY entry_id HAVING count(*) > 1) AS twice)
        AS "bounced entries accounted for twice",
    (SELECT count(*) FROM (SELECT message_id FROM mailroom.bounce_audit WHERE action = 'reported'
                           GROUP BY message_id HAVING count(DISTINCT ndr_id) > 1) AS split)
        AS "messages with several NDRs",
    (SELECT count(*) FROM (SELECT ndr_id FROM mailroom.bounce_audit WHERE action = 'reported'
                           GROUP BY ndr_id HAVING count(DISTINCT message_id) > 1) AS shared)
        AS "NDRs for several messages",
    (SELECT count(*) FROM mailroom.queue_entry WHERE status = 'bounced') AS "bounced entries in the queue",
    (SELECT count(*) FROM mailroom.queue_entry WHERE leased_until IS NOT NULL) AS "leased entries",
    (SELECT count(*) FROM mailroom.spooled_message m
     WHERE NOT EXISTS (SELECT FROM mailroom.queue_entry e WHERE e.message_id = m.message_id))
        AS "spooled messages nobody refers to",
    (SELECT count(*) FROM mailroom.bounce_quarantine) AS "quarantined entries",
    (SELECT count(*) FROM mailroom.firing WHERE published_at IS NULL) AS "unpublished firings",
    (SELECT count(*) FROM mailroom.report_run WHERE state IN ('scheduled', 'running')) AS "open report runs",
    (SELECT count(*) FROM mailroom.report_run WHERE state IN ('failed', 'skipped')) AS "failed report runs",
    (SELECT count(*) FROM mailroom.report_run WHERE state IN ('sent', 'empty') AND mail_id IS NULL)
        AS "report runs without a mail",
    (SELECT count(*) FROM (SELECT FROM mailroom.report_run
                           GROUP BY report, nominal_at, scope HAVING count(*) > 1) AS twice)
        AS "report runs made twice",
    (SELECT count(*) FROM mailroom.firing f
     WHERE NOT EXISTS (SELECT FROM mailroom.report_run r
                       WHERE r.schedule = f.schedule AND r.nominal_at = f.nominal_at))
        AS "firings without a run",
    (SELECT count(*) FROM mailroom.mail_delivery WHERE state NOT IN ('delivered', 'failed')) AS "open deliveries",
    (SELECT count(*) FROM mailroom.destination_slot WHERE leased_until > now()) AS "places at destinations leased",
    (SELECT count(*) FROM mailroom.mail_delivery d
     WHERE d.leased_until IS NOT NULL AND d.state <> 'attempting') AS "leased deliveries that are not open",
    (SELECT abs((SELECT count(*) FROM mailroom.mail_delivery WHERE state = 'failed' AND mail_from <> '')
              - (SELECT count(*) FROM chaos.bounced WHERE sender = 'mailroom@example.com')))
        AS "failed deliveries more or less than bounces of our own";

-- name: firings
-- How many nominal times each schedule has had, from when it was enabled to its end, and how many fired.
SELECT s.name,
       (floor(extract(epoch FROM s.expires_after - s.starts_at) / extract(epoch FROM s.every))
        - ceil(extract(epoch FROM s.created_at - s.starts_at) / extract(epoch FROM s.every)))::int + 1 AS nominal,
       (SELECT count(*) FROM mailroom.firing f WHERE f.schedule = s.name)::int AS fired
FROM mailroom.schedule s
WHERE s.expires_after IS NOT NULL
ORDER BY s.name;

-- name: load
SELECT (SELECT count(*) FROM chaos.bounced) AS bounces,
       (SELECT count(*) FROM mailroom.report_run WHERE parent_run_id IS NULL) AS runs,
       (SELECT count(*) FROM mailroom.report_run WHERE parent_run_id IS NOT NULL) AS scoped_runs;
