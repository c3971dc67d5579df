-- name: schedules
SELECT name, enabled FROM mailroom.schedule ORDER BY name;

-- name: enabled_since
SELECT enabled_at FROM mailroom.schedule ORDER BY name;

-- name: report_runs
SELECT run_id::text, report, scope, schedule, requested_by, state, error FROM mailroom.report_run ORDER BY report;

-- name: finish_run
UPDATE mailroom.report_run SET state = %(state)s, csv_sha256 = %(csv_sha256)s, reason = %(reason)s
WHERE run_id = %(run_id)s;

-- name: stored_subscription
SELECT emails_list, tags, enabled, mute_until > now() FROM mailroom.subscription
WHERE name = 'Exchange Servers No Send';

-- name: subscription_changed
SELECT updated_by, updated_at > created.at AS later
FROM mailroom.subscription, (SELECT min(created_at) AS at FROM mailroom.schedule) AS created
WHERE name = 'Exchange Servers No Send';

-- name: spoil_recipients
UPDATE mailroom.subscription SET emails_list = 'Ann <ann@example.com>, bob, ANN@example.com'
WHERE name = 'Exchange Servers No Send';

-- name: spoil_preference
UPDATE mailroom.preference SET value = 'soon' WHERE name = 'report_interval';

-- name: preference
SELECT value FROM mailroom.preference WHERE name = %(preference)s;
