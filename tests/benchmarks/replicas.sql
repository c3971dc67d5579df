-- name: clear
TRUNCATE mailroom.queue_entry, mailroom.spooled_message, mailroom.bounce_quarantine, mailroom.bounce_audit,
         mailroom.mail_delivery, mailroom.mail_body, mailroom.report_run;

-- name: now
SELECT clock_timestamp();

-- name: backends
-- Those that serve Mailroom: neither this session nor autovacuum.
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid();

-- name: reports_done
SELECT count(*), extract(epoch FROM max(finished_at) - %(began)s)::float8
FROM mailroom.report_run WHERE state IN ('sent', 'empty');

-- name: bounces_done
-- An entry is audited in the transaction that begins when its mail is confirmed on mail-out.
SELECT count(*), extract(epoch FROM max(audited_at) - %(began)s)::float8 FROM mailroom.bounce_audit;

-- name: reports_delivered
SELECT count(*), extract(epoch FROM max(finished_at) - %(began)s)::float8
FROM mailroom.mail_delivery WHERE state = 'delivered' AND kind = 'report';

-- name: ndrs_delivered
SELECT count(*), extract(epoch FROM max(finished_at) - %(began)s)::float8
FROM mailroom.mail_delivery WHERE state = 'delivered' AND kind = 'ndr';

-- name: report_mails
SELECT mail_id FROM mailroom.report_run WHERE mail_id IS NOT NULL;

-- name: ndr_mails
-- A mail for each entry: those of the backlog have a message each.
SELECT 'ndr.' || ndr_id FROM mailroom.bounce_audit WHERE action = 'reported';

-- name: entries_left
SELECT count(*) FROM mailroom.queue_entry;

-- name: deliveries
SELECT mail_id FROM mailroom.mail_delivery WHERE state = 'delivered' AND attempts = 1;
