-- name: list
SELECT run_id, report, scope, nominal_at, state, row_count, csv_bytes, mail_bytes, csv_sha256, mail_id, schedule,
       parent_run_id, requested_by, args, attempts, reason, error, created_at, started_at, finished_at
FROM mailroom.report_run
WHERE (%(report)s::text IS NULL OR report = %(report)s::text)
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
ORDER BY created_at DESC, nominal_at DESC, run_id
LIMIT %(limit)s;

-- name: latest_ids
-- Enough to tell which one somebody meant to type.
SELECT run_id FROM mailroom.report_run ORDER BY created_at DESC LIMIT 2000;

-- name: enter
-- The identity of a run is committed before its command is published.
INSERT INTO mailroom.report_run (run_id, report, scope, nominal_at, schedule, requested_by, args)
VALUES (%(run_id)s, %(report)s, %(scope)s, %(nominal_at)s, %(schedule)s, %(requested_by)s, %(args)s);

-- name: withdraw
-- A worker that gets the command all the same finds the run closed and drops it.
UPDATE mailroom.report_run SET state = 'failed', error = %(error)s, finished_at = now()
WHERE run_id = ANY(%(run_ids)s) AND state = 'scheduled' AND started_at IS NULL;
