-- name: indexes
-- Besides the primary key's: they are made again once the rows are there, which is faster.
SELECT format('DROP INDEX mailroom.%I', indexname), indexdef
FROM pg_indexes WHERE schemaname = 'mailroom' AND tablename = 'bounce_audit' AND indexname NOT LIKE '%pkey';

-- name: audit
-- Over 90 days; most of it reported, each action the rarer the later it stands.
INSERT INTO mailroom.bounce_audit (audited_at, action, ndr_id, message_id, entry_id, sender, recipient, received_at,
                                   smtp_status, enhanced_status, diagnostic)
SELECT now() - interval '90 days' * (1 - n / %(rows)s::float),
       CASE WHEN n %% 100000 = 7 THEN 'discarded-loop' WHEN n %% 1000 = 3 THEN 'quarantined'
            WHEN n %% 10 = 0 THEN 'discarded-null-sender' ELSE 'reported' END,
       gen_random_uuid(), n / 3, n, 'sender' || n %% 50000 || '@example.com', 'user' || n %% 200000 || '@example.org',
       now() - interval '90 days' * (1 - n / %(rows)s::float), 550, '5.1.1', '550 5.1.1 no such user here'
FROM generate_series(1, %(rows)s) AS n;

-- name: runs
INSERT INTO mailroom.report_run (run_id, report, nominal_at, schedule, state, row_count, csv_sha256, mail_id, created_at)
SELECT gen_random_uuid(), 'report-' || n %% 12, at, 'Schedule ' || n %% 10,
       CASE WHEN n %% 20000 = 1 THEN 'running' WHEN n %% 500 = 0 THEN 'failed' WHEN n %% 3 = 0 THEN 'empty' ELSE 'sent' END,
       n %% 100, md5(n::text), 'report.' || n, at
FROM generate_series(1, %(rows)s) AS n, LATERAL (SELECT now() - interval '400 days' * (1 - n / %(rows)s::float) AS at) AS moment;

-- name: deliveries
INSERT INTO mailroom.mail_delivery (mail_id, recipient, kind, mail_from, state, attempts, in_doubt, reply,
                                    last_attempt_at, finished_at)
SELECT 'ndr.' || n / 2, 'user' || n || '@example.org', CASE WHEN n %% 50 = 0 THEN 'report' ELSE 'ndr' END, '',
       CASE WHEN n %% 4000 = 0 THEN 'held' WHEN n %% 100 = 0 THEN 'failed' ELSE 'delivered' END, 1,
       (n %% 4000 = 0)::int, '250 ok', at, CASE WHEN n %% 4000 > 0 THEN at END
FROM generate_series(1, %(rows)s) AS n, LATERAL (SELECT now() - interval '30 days' * (1 - n / %(rows)s::float) AS at) AS moment;

-- name: messages
INSERT INTO mailroom.spooled_message (message_id, sender, content)
SELECT n, 'sender' || n || '@example.com', '' FROM generate_series(1, %(rows)s) AS n;

-- name: entries
INSERT INTO mailroom.queue_entry (message_id, recipient, status, smtp_status, diagnostic, bounced_at)
SELECT n, 'user' || n || '@example.org', CASE WHEN n %% 10 = 0 THEN 'deferred' ELSE 'bounced' END, 550, '550 no such user',
       now() - interval '1 s' * n
FROM generate_series(1, %(rows)s) AS n;

-- name: quarantine
INSERT INTO mailroom.bounce_quarantine (entry_id, message_id, recipient, status, attempts, reason)
SELECT 1000000 + n, n, 'user' || n || '@example.org', 'bounced', 1, 'no header' FROM generate_series(1, %(rows)s) AS n;
