-- name: runs
-- One for every site with the one it became, one that was sent, one that failed.
INSERT INTO mailroom.report_run (run_id, report, scope, nominal_at, schedule, parent_run_id, requested_by, state,
                                 row_count, mail_id, error, created_at, started_at, finished_at)
VALUES (%(parent)s, 'events-by-site', NULL, '2026-07-01 12:00Z', 'Exchange send receive by site report', NULL,
        'schedule', 'fanned-out', NULL, NULL, NULL, '2026-07-01 12:00Z', NULL, NULL),
       (%(child)s, 'events-by-site', '{"site": "london"}', '2026-07-01 12:00Z', 'Exchange send receive by site report',
        %(parent)s, 'schedule', 'scheduled', NULL, NULL, NULL, '2026-07-01 12:01Z', NULL, NULL),
       (%(sent)s, 'no-send-servers', NULL, '2026-07-01 13:00Z', NULL, NULL, 'operator', 'sent', 2, concat('report.', %(sent)s::uuid),
        NULL, '2026-07-01 13:00Z', '2026-07-01 13:00Z', '2026-07-01 13:00:02Z'),
       (%(failed)s, 'dead-servers', NULL, '2026-07-01 14:00Z', NULL, NULL, 'operator', 'failed', NULL, NULL,
        'QueryFailed: <b>no such column</b>', '2026-07-01 14:00Z', NULL, NULL);

-- name: spooled
INSERT INTO mailroom.spooled_message (message_id, sender, content)
VALUES (1, 'Ann@example.com', %(content)s), (2, '', %(content)s);

-- name: queued
-- One that waits, one that a worker has, one that the MTA still tries.
INSERT INTO mailroom.queue_entry (entry_id, message_id, recipient, status, smtp_status, diagnostic, bounced_at,
                                  leased_until)
VALUES (11, 1, 'waiting@x.y', 'bounced', 550, '550 5.1.1 <i>unknown</i>', now() - interval '3 hours', NULL),
       (12, 2, 'Leased@x.y', 'bounced', 550, NULL, now(), now() + interval '1 hour'),
       (13, 2, 'deferred@x.y', 'deferred', 451, NULL, NULL, NULL);

-- name: quarantined
INSERT INTO mailroom.bounce_quarantine (entry_id, message_id, recipient, status, attempts, bounced_at, reason)
VALUES (21, 1, 'stuck@x.y', 'bounced', 1, now(), 'sender has no domain');

-- name: audited
-- Many, a minute apart, then one of the null sender and one that was reported.
INSERT INTO mailroom.bounce_audit (audited_at, action, ndr_id, message_id, entry_id, sender, recipient, received_at)
SELECT now() - make_interval(mins => %(many)s - n), 'reported', NULL, n, n, format('s%%s@example.com', n %% 997),
       format('r%%s@example.net', n), now()
FROM generate_series(1, %(many)s) AS n
UNION ALL VALUES (now(), 'discarded-null-sender', NULL, 900001, 900001, '', 'Null@x.y', now()),
                 (now(), 'reported', %(ndr)s::uuid, 900002, 900002, 'Ann@example.com', 'Bob@x.y', now());

-- name: deliveries
-- A report to two, an NDR that is held in doubt, and one whose relay did not come back.
INSERT INTO mailroom.mail_delivery (mail_id, recipient, kind, mail_from, state, attempts, in_doubt, reply, leased_until,
                                    last_attempt_at)
VALUES (%(report)s, 'ann@x.y', 'report', 'mailroom@x.y', 'delivered', 1, 0, '250 ok', NULL, now() - interval '1 min'),
       (%(report)s, 'Bob@x.y', 'report', 'mailroom@x.y', 'failed', 2, 0, '550 <b>no</b>', NULL, now() - interval '2 min'),
       (%(ndr)s, 'carol@x.y', 'ndr', '', 'held', 1, 1, NULL, NULL, now() - interval '3 min'),
       ('other', 'dan@x.y', 'notice', '', 'attempting', 1, 0, NULL, now() - interval '1 min', now() - interval '4 min');

-- name: ndr_delivered
INSERT INTO mailroom.mail_delivery (mail_id, recipient, kind, mail_from, state, attempts, reply)
VALUES (%(mail_id)s, 'ann@example.com', 'ndr', '', 'delivered', 1, '250 ok');

-- name: previewed
INSERT INTO mailroom.report_run (run_id, report, nominal_at, state, csv_sha256, args, started_at)
VALUES (%(run)s, 'no-send-servers', '2026-07-01 12:00Z', 'sent', 'another', '{"interval": "6h"}', '2026-07-01 12:00Z'),
       (%(parent)s, 'events-by-site', '2026-07-01 12:00Z', 'fanned-out', NULL, '{}', NULL);
