-- name: add_site
INSERT INTO mailroom.site (name, enabled) VALUES (%(name)s, %(enabled)s);

-- name: add_bot
INSERT INTO mailroom.bot (host_name, site) VALUES (%(name)s, %(site)s);

-- name: add_event
INSERT INTO mailroom.bot_event (uuid, bot, event_group_id, status, type, registered_on, is_expired)
VALUES (%(uuid)s, %(bot)s, 'group', %(status)s, %(type)s, %(at)s, %(expired)s);

-- name: add_message
INSERT INTO mailroom.bot_message (event, identifier, sent_from, sent_to)
VALUES (%(uuid)s, %(identifier)s, %(sent_from)s, 'to@example.com');

-- name: add_many_events
WITH added AS (
    INSERT INTO mailroom.bot_event (bot, event_group_id, status, type, registered_on)
    SELECT %(bot)s, 'group', 'PASS', 'send', %(at)s - number * interval '1 millisecond'
    FROM generate_series(1, %(count)s) AS number
    RETURNING uuid
)
INSERT INTO mailroom.bot_message (event, identifier, sent_from, sent_to)
SELECT uuid, uuid::text, 'from@example.com', 'to@example.com' FROM added;

-- name: add_server
INSERT INTO mailroom.exchange_server (name, last_send, enabled) VALUES (%(name)s, %(last_send)s, %(enabled)s);

-- name: add_database
INSERT INTO mailroom.exchange_database (name, server, last_access) VALUES (%(name)s, %(server)s, %(last_access)s);

-- name: add_subscription
INSERT INTO mailroom.subscription (name, emails_list, from_email)
VALUES (%(name)s, 'ops@example.com', 'mailroom@example.com') ON CONFLICT (name) DO NOTHING;

-- name: add_pair
INSERT INTO mailroom.domain_pair (from_domain, to_domain, status, last_verified, enabled, is_expired)
VALUES (%(from_domain)s, 'example.com', %(status)s, %(at)s, %(enabled)s, %(expired)s);

-- name: set_preference
UPDATE mailroom.preference SET value = %(value)s WHERE section = 'exchange' AND name = %(name)s;

-- name: disable_subscription
UPDATE mailroom.subscription SET enabled = false WHERE name = %(name)s;

-- name: mute_subscription
UPDATE mailroom.subscription SET mute_until = %(until)s WHERE name = %(name)s;

-- name: set_recipients
UPDATE mailroom.subscription SET emails_list = %(emails_list)s WHERE name = %(name)s;

-- name: set_send_empty
UPDATE mailroom.subscription SET send_empty = %(send_empty)s WHERE name = %(name)s;

-- name: remove_subscription
DELETE FROM mailroom.subscription WHERE name = %(name)s;

-- name: runs
SELECT run_id::text, report, scope, state, reason, error, row_count, csv_sha256, csv_bytes, mail_bytes, mail_id,
       parent_run_id::text, attempts, leased_until, finished_at
FROM mailroom.report_run ORDER BY parent_run_id NULLS FIRST, scope;

-- name: lease_run
INSERT INTO mailroom.report_run (run_id, report, nominal_at, state, leased_until)
VALUES (%(run_id)s, %(report)s, %(nominal_at)s, 'running', now() + %(lease)s);

-- name: reopen_run
UPDATE mailroom.report_run SET state = 'scheduled', finished_at = NULL WHERE run_id = %(run_id)s;

-- name: mail_body
SELECT content, size, sha256 FROM mailroom.mail_body WHERE mail_id = %(mail_id)s;

-- name: set_columns
UPDATE mailroom.subscription SET columns = %(columns)s WHERE name = %(name)s;

-- name: set_attachment
UPDATE mailroom.subscription SET attachment = %(attachment)s WHERE name = %(name)s;

-- name: set_email_subject
UPDATE mailroom.subscription SET email_subject = %(email_subject)s, tags = %(tags)s WHERE name = %(name)s;

-- name: put_preference
INSERT INTO mailroom.preference (section, name, value) VALUES ('exchange', %(name)s, %(value)s)
ON CONFLICT (section, name) DO UPDATE SET value = excluded.value;

-- name: run_args
SELECT args FROM mailroom.report_run WHERE run_id = %(run_id)s;

-- name: age_run
UPDATE mailroom.report_run SET started_at = started_at - %(age)s, finished_at = finished_at - %(age)s
WHERE run_id = %(run_id)s;

-- name: add_whole_server
INSERT INTO mailroom.exchange_server (name, last_connection, last_send, last_inbox_access, last_seen)
VALUES (%(name)s, %(last_connection)s, %(last_send)s, %(last_inbox_access)s, %(last_seen)s);

-- name: edit_servers
UPDATE mailroom.exchange_server SET enabled = true;

-- name: add_site_pair
INSERT INTO mailroom.domain_pair (site, from_domain, to_domain, status, last_verified)
VALUES (%(site)s, %(from_domain)s, 'example.com', 'PASS', %(at)s);

-- name: schedules
SELECT name, args FROM mailroom.schedule WHERE name LIKE %(like)s;
