-- name: claim
-- Takes a run that nobody took yet, or whose lease expired; a run published by hand enters the ledger here.
-- No row comes back when the run is finished, or leased to another worker. A lease that ends later than twice its
-- length from now was given by a clock that has gone back since.
INSERT INTO mailroom.report_run AS run
    (run_id, report, scope, nominal_at, requested_by, args, state, attempts, leased_until, started_at)
VALUES (%(run_id)s, %(report)s, %(scope)s, %(nominal_at)s, %(requested_by)s, %(args)s, 'running', 1,
        now() + %(lease)s, now())
ON CONFLICT (run_id) DO UPDATE
SET state = 'running', attempts = run.attempts + 1, leased_until = now() + %(lease)s,
    started_at = coalesce(run.started_at, now())
WHERE run.state = 'scheduled'
   OR (run.state = 'running' AND (run.leased_until < now() OR run.leased_until > now() + 2 * %(lease)s))
RETURNING args, schedule;

-- name: keep_args
UPDATE mailroom.report_run SET args = %(args)s WHERE run_id = %(run_id)s;

-- name: run
SELECT run_id::text, report, scope, nominal_at, requested_by, args, state, csv_sha256
FROM mailroom.report_run WHERE run_id = %(run_id)s;

-- name: take_turns
SELECT pg_advisory_xact_lock(hashtext('mailroom report failure'), hashtext(%(report)s));

-- name: claim_notice
-- The run that tells carries the notice's mail id; it counts from when it began, unless that is ahead of now,
-- because the clock went back.
UPDATE mailroom.report_run AS run SET mail_id = %(mail_id)s
WHERE run.run_id = %(run_id)s
  AND (run.mail_id = %(mail_id)s OR NOT EXISTS (
    SELECT FROM mailroom.report_run AS other
    WHERE other.report = %(report)s AND other.run_id <> %(run_id)s AND other.mail_id LIKE 'report-failure.%%'
      AND coalesce(other.finished_at, other.started_at) BETWEEN now() - %(quiet)s AND now() + %(quiet)s))
RETURNING run_id;

-- name: state
SELECT state FROM mailroom.report_run WHERE run_id = %(run_id)s;

-- name: release
-- The run will be tried again; the error tells an operator why it waits.
UPDATE mailroom.report_run SET state = 'scheduled', leased_until = NULL, error = %(error)s
WHERE run_id = %(run_id)s AND state = 'running';

-- name: finish
UPDATE mailroom.report_run
SET state = %(state)s, reason = %(reason)s, error = %(error)s, row_count = %(row_count)s, csv_sha256 = %(csv_sha256)s,
    csv_bytes = %(csv_bytes)s, mail_bytes = %(mail_bytes)s, mail_id = %(mail_id)s, leased_until = NULL,
    finished_at = now()
WHERE run_id = %(run_id)s AND state = 'running';

-- name: add_child
INSERT INTO mailroom.report_run (run_id, report, scope, nominal_at, schedule, parent_run_id, requested_by, args)
SELECT %(run_id)s, %(report)s, %(scope)s, %(nominal_at)s, parent.schedule, parent.run_id, %(requested_by)s, %(args)s
FROM mailroom.report_run AS parent WHERE parent.run_id = %(parent_run_id)s
ON CONFLICT (run_id) DO NOTHING;
