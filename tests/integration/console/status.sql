-- name: fill
-- A known number of everything, some of it too old to count.
INSERT INTO mailroom.report_run (run_id, report, nominal_at, state, error, created_at)
SELECT gen_random_uuid(), 'no-send-servers', created_at, state, CASE state WHEN 'failed' THEN 'took too long' END, created_at
FROM (VALUES ('sent', 5, interval '1 h'), ('empty', 4, interval '2 h'), ('skipped', 3, interval '3 h'),
             ('failed', 2, interval '4 h'), ('running', 1, interval '0'), ('scheduled', 1, interval '1 min'),
             ('fanned-out', 1, interval '1 h'), ('sent', 7, interval '25 h'), ('failed', 9, interval '26 h'))
         AS made (state, number, ago),
     generate_series(1, number), LATERAL (SELECT now() - ago AS created_at) AS moment;

INSERT INTO mailroom.spooled_message (message_id, sender, content) VALUES (1, 'ann@example.com', '');
INSERT INTO mailroom.queue_entry (message_id, recipient, status, bounced_at, ndr_id, leased_until)
VALUES (1, 'a@example.com', 'bounced', now() - interval '20 min', NULL, NULL),
       (1, 'b@example.com', 'bounced', now() - interval '1 min', gen_random_uuid(), now() - interval '1 s'),
       (1, 'c@example.com', 'bounced', now() - interval '2 h', gen_random_uuid(), now() + interval '1 h'),
       (1, 'd@example.com', 'deferred', NULL, NULL, NULL),
       (1, 'e@example.com', 'delivered', NULL, NULL, NULL);
INSERT INTO mailroom.bounce_quarantine (entry_id, message_id, recipient, status, attempts, reason)
SELECT 1000 + n, 1, 'q@example.com', 'bounced', 1, 'no header' FROM generate_series(1, 3) AS n;
INSERT INTO mailroom.bounce_audit (audited_at, action, message_id, entry_id, sender, recipient, received_at)
SELECT now() - ago, action, 1, 1, 'ann@example.com', 'a@example.com', now()
FROM (VALUES ('reported', 8, interval '2 days'), ('reported', 3, interval '3 h'), ('success-reported', 1, interval '2 h'),
             ('discarded-loop', 2, interval '1 h'), ('quarantined', 3, interval '0')) AS made (action, number, ago),
     generate_series(1, number);

INSERT INTO mailroom.mail_delivery (mail_id, recipient, kind, mail_from, state, in_doubt, reply, last_attempt_at,
                                    finished_at, leased_until)
SELECT mail_id || n, recipient, kind, '', state, in_doubt, '550 <script>no</script>', now() - ago,
       CASE WHEN state IN ('delivered', 'failed') THEN now() END, now() - interval '1 min'
FROM (VALUES ('sent-', 'a@example.com', 'ndr', 'delivered', 6, 0, interval '1 h'),
             ('late-', 'a@example.com', 'ndr', 'deferred', 2, 0, interval '1 h'),
             ('lost-', '<b>a</b>@example.com', 'ndr', 'failed', 3, 0, interval '1 h'),
             ('report-', 'a@example.com', 'report', 'failed', 1, 0, interval '5 h'),
             ('old-', 'a@example.com', 'ndr', 'failed', 5, 0, interval '2 days'),
             ('doubt-', 'a@example.com', 'ndr', 'deferred', 1, 1, interval '3 days'),
             ('held-', 'a@example.com', 'report', 'held', 2, 1, interval '3 days'),
             ('died-', 'a@example.com', 'ndr', 'attempting', 1, 0, interval '3 days'))
         AS made (mail_id, recipient, kind, state, number, in_doubt, ago),
     generate_series(1, number) AS n;

INSERT INTO mailroom.mail_delivery (mail_id, recipient, kind, mail_from, state, in_doubt, last_attempt_at, finished_at)
VALUES ('settled', 'a@example.com', 'ndr', '', 'held', 1, now() - interval '2 days', now());

UPDATE mailroom.schedule SET enabled = false WHERE name LIKE 'Dead%';
UPDATE mailroom.schedule SET crontab = '0 0 1 1 *' WHERE name LIKE 'No %';
UPDATE mailroom.subscription SET mute_until = now() + interval '1 h' WHERE name = 'Exchange Servers No Send';
UPDATE mailroom.bounce_poll SET next_due_at = now() + interval '1 min', outcome = 'found';
