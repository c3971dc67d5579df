-- name: list
SELECT name, task, args, crontab, every, time_zone, enabled, one_off, starts_at, expires_after, catch_up,
       last_nominal_at, run_count, description, created_at, enabled_at
FROM mailroom.schedule
ORDER BY name;

-- name: set_enabled
-- Only those that change: enabled_at must not move for the others.
UPDATE mailroom.schedule SET enabled = %(enabled)s WHERE name = ANY(%(names)s) AND enabled <> %(enabled)s
RETURNING name;

-- name: set_all_enabled
UPDATE mailroom.schedule SET enabled = %(enabled)s WHERE enabled <> %(enabled)s
RETURNING name;
