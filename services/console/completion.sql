-- What the shell completes, of what begins with the letters typed so far.

-- name: bots
SELECT host_name FROM mailroom.bot WHERE enabled AND starts_with(host_name, %(typed)s) ORDER BY 1 LIMIT 200;

-- name: mails
-- The latest; who looks for an older one has its id from somewhere else.
SELECT mail_id
FROM (SELECT mail_id, last_attempt_at FROM mailroom.mail_delivery ORDER BY last_attempt_at DESC LIMIT 2000) AS latest
WHERE starts_with(mail_id, %(typed)s)
LIMIT 50;

-- name: runs
SELECT run_id::text
FROM (SELECT run_id, created_at FROM mailroom.report_run ORDER BY created_at DESC LIMIT 2000) AS latest
WHERE starts_with(run_id::text, %(typed)s)
LIMIT 50;

-- name: schedules
SELECT name FROM mailroom.schedule WHERE starts_with(name, %(typed)s) ORDER BY 1 LIMIT 200;

-- name: sites
SELECT name FROM mailroom.site WHERE enabled AND starts_with(name, %(typed)s) ORDER BY 1 LIMIT 200;

-- name: subscriptions
SELECT name FROM mailroom.subscription WHERE starts_with(name, %(typed)s) ORDER BY 1 LIMIT 200;

-- name: users
SELECT username FROM console.auth_user WHERE is_active AND starts_with(username, %(typed)s) ORDER BY 1 LIMIT 200;
