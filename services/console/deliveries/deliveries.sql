-- name: list
-- The rows of the ledger, the latest first. In doubt is what nobody knows the result of; see count_in_doubt of the
-- relay.
SELECT mail_id, recipient, kind, mail_from, state, attempts, in_doubt, leased_until, smtp_status, enhanced_status, reply,
       remote_mta, first_attempt_at, last_attempt_at, finished_at
FROM mailroom.mail_delivery
WHERE (%(mail_id)s::text IS NULL OR mail_id = %(mail_id)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
  AND (NOT %(in_doubt)s
       OR (in_doubt > 0 AND finished_at IS NULL AND state IN ('deferred', 'held'))
       OR (state = 'attempting' AND leased_until < now()))
ORDER BY last_attempt_at DESC, mail_id, recipient
LIMIT %(limit)s;

-- name: latest
-- Enough to tell what somebody meant to type.
SELECT mail_id FROM mailroom.mail_delivery ORDER BY last_attempt_at DESC LIMIT 2000;

-- name: release
UPDATE mailroom.mail_delivery SET state = 'deferred', released_at = now(), finished_at = NULL
WHERE mail_id = %(mail_id)s AND state = 'held'
RETURNING recipient;

-- name: settle
UPDATE mailroom.mail_delivery SET finished_at = now()
WHERE mail_id = %(mail_id)s AND state = 'held' AND finished_at IS NULL
RETURNING recipient;
