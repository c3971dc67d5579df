-- name: has_bookkeeping
SELECT to_regclass('mailroom._yoyo_migration') IS NOT NULL;

-- name: applied
SELECT migration_id FROM mailroom._yoyo_migration ORDER BY migration_id;

-- name: count_rows
SELECT 'site', count(*) FROM mailroom.site
UNION ALL SELECT 'bot', count(*) FROM mailroom.bot
UNION ALL SELECT 'bot_event', count(*) FROM mailroom.bot_event
UNION ALL SELECT 'bot_message', count(*) FROM mailroom.bot_message
UNION ALL SELECT 'exchange_server', count(*) FROM mailroom.exchange_server
UNION ALL SELECT 'exchange_database', count(*) FROM mailroom.exchange_database
UNION ALL SELECT 'domain_pair', count(*) FROM mailroom.domain_pair
UNION ALL SELECT 'spooled_message', count(*) FROM mailroom.spooled_message
UNION ALL SELECT 'queue_entry', count(*) FROM mailroom.queue_entry
UNION ALL SELECT 'bounce_quarantine', count(*) FROM mailroom.bounce_quarantine
UNION ALL SELECT 'bounce_audit', count(*) FROM mailroom.bounce_audit
UNION ALL SELECT 'schedule', count(*) FROM mailroom.schedule
UNION ALL SELECT 'subscription', count(*) FROM mailroom.subscription
UNION ALL SELECT 'preference', count(*) FROM mailroom.preference
UNION ALL SELECT 'report_run', count(*) FROM mailroom.report_run
UNION ALL SELECT 'mail_delivery', count(*) FROM mailroom.mail_delivery
ORDER BY 1;

-- name: partitions
SELECT child.relname AS name, coalesce(counted.rows, 0) AS rows, pg_total_relation_size(child.oid) AS octets
FROM pg_inherits
JOIN pg_class AS child ON child.oid = inhrelid
LEFT JOIN (SELECT tableoid, count(*) AS rows FROM mailroom.bot_event GROUP BY tableoid) AS counted
       ON counted.tableoid = child.oid
WHERE inhparent = 'mailroom.bot_event'::regclass
ORDER BY child.relname;
