-- name: preview
-- The entries that one claim would put into the NDR of the entry asked for, that one included when it is in
-- quarantine. Entries claimed together have their ndr_id already.
WITH asked AS (
    SELECT message_id, ndr_id, status FROM mailroom.queue_entry
    WHERE entry_id = %(entry_id)s AND status IN ('bounced', 'delivered')
    UNION ALL
    SELECT message_id, NULL, status FROM mailroom.bounce_quarantine WHERE entry_id = %(entry_id)s
), together AS (
    SELECT e.entry_id, e.message_id, e.ndr_id, e.recipient, e.original_recipient, e.notify, e.status, e.smtp_status,
           e.enhanced_status, e.diagnostic, e.remote_mta, e.remote_ip, e.attempts, e.last_attempt_at, e.bounced_at
    FROM mailroom.queue_entry e
    JOIN asked a ON a.message_id = e.message_id AND a.status = e.status AND a.ndr_id IS NOT DISTINCT FROM e.ndr_id
    UNION ALL
    SELECT entry_id, message_id, NULL, recipient, original_recipient, notify, status, smtp_status,
           enhanced_status, diagnostic, remote_mta, remote_ip, attempts, last_attempt_at, bounced_at
    FROM mailroom.bounce_quarantine WHERE entry_id = %(entry_id)s
)
SELECT coalesce(ndr_id, %(new_id)s) AS ndr_id, message_id, status, entry_id, recipient, original_recipient, notify,
       smtp_status, enhanced_status, diagnostic, remote_mta, host(remote_ip) AS remote_ip, attempts,
       last_attempt_at, coalesce(bounced_at, now()) AS bounced_at
FROM together
ORDER BY entry_id;

-- name: start_chain
-- Unless a chain runs now: beside that one, ours needs no place, claims keep out of each other's way.
UPDATE mailroom.bounce_poll
SET poll_id = %(poll_id)s, nominal_at = %(nominal_at)s, next_due_at = NULL, outcome = NULL,
    moved_at = now(), silent_after = now() + %(chain_lease)s
WHERE next_due_at IS NOT NULL OR silent_after IS NULL OR silent_after < now();

-- name: chain_outcome
SELECT outcome FROM mailroom.bounce_poll WHERE poll_id = %(poll_id)s;
