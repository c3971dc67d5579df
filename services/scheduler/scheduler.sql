-- name: now
SELECT now();

-- name: enabled_schedules
SELECT name, task, args, crontab, every, time_zone, one_off, starts_at, expires_after, catch_up,
       last_nominal_at, created_at, enabled_at
FROM mailroom.schedule
WHERE enabled
ORDER BY name;

-- name: bring_back_schedules
-- The clock went back. What fired stays in `firing` and does not fire again; what did not must not wait until the
-- clock has caught up. So each schedule goes on from the last of its firings that is not ahead of the clock.
UPDATE mailroom.schedule AS s
SET last_nominal_at = (SELECT max(f.nominal_at) FROM mailroom.firing AS f
                       WHERE f.schedule = s.name AND f.nominal_at <= %(now)s),
    enabled_at = least(s.enabled_at, %(now)s)
WHERE s.enabled AND (s.last_nominal_at > %(now)s OR s.enabled_at > %(now)s);

-- name: claim_firing
-- The insert is the claim; another replica's insert of the same nominal time makes this one return nothing.
INSERT INTO mailroom.firing (schedule, nominal_at)
SELECT name, %(nominal_at)s FROM mailroom.schedule WHERE name = %(schedule)s AND enabled
ON CONFLICT DO NOTHING
RETURNING nominal_at;

-- name: advance_schedule
UPDATE mailroom.schedule
SET last_nominal_at = greatest(last_nominal_at, %(nominal_at)s),
    run_count = run_count + 1,
    enabled = NOT one_off
WHERE name = %(schedule)s;

-- name: pass_over_firing
-- It fired before: this moment another replica has advanced the schedule, or it was before the clock went back.
UPDATE mailroom.schedule SET last_nominal_at = %(nominal_at)s
WHERE name = %(schedule)s AND enabled AND (last_nominal_at IS NULL OR last_nominal_at < %(nominal_at)s);

-- name: add_run
INSERT INTO mailroom.report_run (run_id, report, nominal_at, schedule, args)
VALUES (%(run_id)s, %(report)s, %(nominal_at)s, %(schedule)s, %(args)s)
ON CONFLICT DO NOTHING;

-- name: unpublished_runs
-- Runs of firings that some replica claimed and nobody is known to have published. One claimed well ahead of now
-- was claimed before the clock went back; just ahead of now is one of a transaction begun after ours.
SELECT f.schedule, f.nominal_at, r.run_id, r.report, r.args
FROM mailroom.firing f
LEFT JOIN mailroom.report_run r
       ON r.schedule = f.schedule AND r.nominal_at = f.nominal_at AND r.parent_run_id IS NULL
WHERE f.published_at IS NULL
  AND (f.claimed_at < now() - %(republish_after)s OR f.claimed_at > now() + %(republish_after)s)
ORDER BY f.claimed_at
LIMIT 1000;

-- name: mark_published
UPDATE mailroom.firing SET published_at = now() WHERE schedule = %(schedule)s AND nominal_at = %(nominal_at)s;

-- name: last_published
-- Of each enabled schedule that has fired, whichever scheduler published it.
SELECT s.name, f.published_at
FROM mailroom.schedule AS s
CROSS JOIN LATERAL (
    SELECT published_at FROM mailroom.firing
    WHERE schedule = s.name AND published_at IS NOT NULL ORDER BY nominal_at DESC LIMIT 1) AS f
WHERE s.enabled;

-- name: start_poll_chain
-- Due, silent for longer than its lease, or moved by a clock that has gone back since; the row lock lets one
-- replica alone see it so.
UPDATE mailroom.bounce_poll
SET poll_id = gen_random_uuid(), nominal_at = now(), moved_at = now(), next_due_at = NULL,
    silent_after = now() + %(chain_lease)s
WHERE next_due_at <= now() OR (next_due_at IS NULL AND silent_after < now()) OR moved_at > now() + %(chain_lease)s
RETURNING poll_id, nominal_at;

-- name: postpone_poll_chain
UPDATE mailroom.bounce_poll SET next_due_at = now() + %(pause)s, moved_at = now(), outcome = 'error'
WHERE poll_id = %(poll_id)s;

-- name: backlog
-- The oldest end of the partial index, and a count bounded by what it counts.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(bounced_at)), 0)::float AS oldest
FROM mailroom.queue_entry
WHERE status = 'bounced';
