-- name: reclaim
-- Notices whose worker did not finish, as in bounce_queue.sql; those of entries that were delivered or bounced
-- meanwhile are moot.
UPDATE mailroom.delay_notice d SET leased_until = now() + %(lease)s
FROM mailroom.queue_entry e
WHERE d.noticed_at IS NULL AND (d.leased_until < now() OR d.leased_until > now() + 2 * %(lease)s)
  AND e.entry_id = d.entry_id AND e.status = 'deferred'
RETURNING d.ndr_id;

-- name: claim
-- Deferred entries older than the threshold that no notice of this threshold or a later one exists for. The
-- message is locked, so that one worker names all its late recipients; inserting the row is the claim.
WITH late AS (
    SELECT m.message_id
    FROM mailroom.spooled_message m
    WHERE m.received_at <= now() - %(threshold)s AND m.sender <> ''
      AND EXISTS (
          SELECT FROM mailroom.queue_entry e
          WHERE e.message_id = m.message_id AND e.status = 'deferred'
            AND (e.notify IS NULL OR upper(e.notify) LIKE '%%DELAY%%')
            AND NOT EXISTS (SELECT FROM mailroom.delay_notice d
                            WHERE d.entry_id = e.entry_id AND d.threshold >= %(threshold)s))
    ORDER BY m.received_at
    LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
), named AS (
    SELECT message_id, gen_random_uuid() AS ndr_id FROM late
)
INSERT INTO mailroom.delay_notice (entry_id, threshold, message_id, ndr_id, leased_until)
SELECT e.entry_id, %(threshold)s, e.message_id, named.ndr_id, now() + %(lease)s
FROM named
JOIN mailroom.queue_entry e USING (message_id)
WHERE e.status = 'deferred' AND (e.notify IS NULL OR upper(e.notify) LIKE '%%DELAY%%')
  AND NOT EXISTS (SELECT FROM mailroom.delay_notice d
                  WHERE d.entry_id = e.entry_id AND d.threshold >= %(threshold)s)
ON CONFLICT DO NOTHING
RETURNING ndr_id;

-- name: read
SELECT d.ndr_id, d.message_id, e.status, e.entry_id, e.recipient, e.original_recipient, e.notify, e.smtp_status,
       e.enhanced_status, e.diagnostic, e.remote_mta, host(e.remote_ip) AS remote_ip, e.attempts, e.last_attempt_at,
       now() AS bounced_at
FROM mailroom.delay_notice d
JOIN mailroom.queue_entry e USING (entry_id)
WHERE d.ndr_id = ANY(%(ndr_ids)s::uuid[]) AND e.status = 'deferred'
ORDER BY d.message_id, d.ndr_id, e.entry_id;

-- name: finish
WITH noticed AS (
    UPDATE mailroom.delay_notice SET noticed_at = now()
    WHERE ndr_id = ANY(%(ndr_ids)s::uuid[]) AND noticed_at IS NULL
    RETURNING *
)
INSERT INTO mailroom.bounce_audit (action, ndr_id, message_id, entry_id, sender, recipient, received_at,
                                   received_from, smtp_status, enhanced_status, diagnostic)
SELECT 'delay-reported', n.ndr_id, n.message_id, n.entry_id, m.sender, e.recipient, m.received_at, m.received_from,
       e.smtp_status, e.enhanced_status, e.diagnostic
FROM noticed n
JOIN mailroom.queue_entry e USING (entry_id)
JOIN mailroom.spooled_message m ON m.message_id = n.message_id
WHERE n.ndr_id = ANY(%(told)s::uuid[]);
