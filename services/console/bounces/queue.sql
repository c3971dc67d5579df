-- name: list
SELECT state, entry_id, message_id, ndr_id, sender, recipient, smtp_status, at, detail
FROM (
    SELECT CASE WHEN e.leased_until > now() THEN 'leased' ELSE 'waiting' END AS state, e.entry_id, e.message_id,
           e.ndr_id, m.sender, e.recipient, e.smtp_status, coalesce(e.bounced_at, m.received_at) AS at,
           e.diagnostic AS detail
    FROM mailroom.queue_entry e
    JOIN mailroom.spooled_message m USING (message_id)
    WHERE e.status = 'bounced'
    UNION ALL
    SELECT 'quarantined', q.entry_id, q.message_id, NULL, m.sender, q.recipient, q.smtp_status, q.quarantined_at,
           q.reason
    FROM mailroom.bounce_quarantine q
    JOIN mailroom.spooled_message m USING (message_id)
    UNION ALL
    SELECT 'audited', entry_id, message_id, ndr_id, sender, recipient, smtp_status, audited_at, action
    FROM mailroom.bounce_audit
) AS entries
WHERE (state = %(state)s::text OR (%(state)s::text IS NULL AND state <> 'audited'))
  AND (%(sender)s::text IS NULL OR position(lower(%(sender)s::text) IN lower(sender)) > 0)
  AND (%(recipient)s::text IS NULL OR position(lower(%(recipient)s::text) IN lower(recipient)) > 0)
ORDER BY at DESC, entry_id DESC
LIMIT %(limit)s;

-- name: add_message
INSERT INTO mailroom.spooled_message (sender, envelope_id, ret, content)
VALUES (%(sender)s, %(envelope_id)s, %(ret)s, %(content)s)
RETURNING message_id;

-- name: add_entry
INSERT INTO mailroom.queue_entry (message_id, recipient, original_recipient, notify, status, smtp_status,
                                  enhanced_status, diagnostic, remote_mta, attempts, last_attempt_at, bounced_at)
VALUES (%(message_id)s, %(recipient)s, %(original_recipient)s, %(notify)s, 'bounced', %(smtp_status)s,
        %(enhanced_status)s, %(diagnostic)s, %(remote_mta)s, 1, now(), now())
RETURNING entry_id;

-- name: lock_messages
-- As the workers do when they finish entries: both must see the other's removal, or neither drops the message.
SELECT m.message_id FROM mailroom.spooled_message m
WHERE m.message_id IN (SELECT message_id FROM mailroom.queue_entry WHERE entry_id = ANY(%(entry_ids)s)
                       UNION SELECT message_id FROM mailroom.bounce_quarantine WHERE entry_id = ANY(%(entry_ids)s))
ORDER BY m.message_id
FOR UPDATE;

-- name: whereabouts
SELECT entry_id, status, leased_until, coalesce(leased_until > now(), false) AS leased
FROM mailroom.queue_entry WHERE entry_id = ANY(%(entry_ids)s)
UNION ALL
SELECT entry_id, 'quarantined', NULL, false FROM mailroom.bounce_quarantine WHERE entry_id = ANY(%(entry_ids)s);

-- name: requeue
-- Without ndr_id and lease: the next claim gives new ones.
WITH back AS (
    DELETE FROM mailroom.bounce_quarantine WHERE entry_id = ANY(%(entry_ids)s) RETURNING *
)
INSERT INTO mailroom.queue_entry (entry_id, message_id, recipient, original_recipient, notify, status, smtp_status,
    enhanced_status, diagnostic, remote_mta, remote_ip, attempts, last_attempt_at, bounced_at)
SELECT entry_id, message_id, recipient, original_recipient, notify, status, smtp_status,
    enhanced_status, diagnostic, remote_mta, remote_ip, attempts, last_attempt_at, bounced_at
FROM back;

-- name: discard
WITH queued AS (
    DELETE FROM mailroom.queue_entry WHERE entry_id = ANY(%(entry_ids)s)
    RETURNING entry_id, message_id, recipient, smtp_status, enhanced_status, diagnostic
), quarantined AS (
    DELETE FROM mailroom.bounce_quarantine WHERE entry_id = ANY(%(entry_ids)s)
    RETURNING entry_id, message_id, recipient, smtp_status, enhanced_status, diagnostic
), gone AS (
    SELECT * FROM queued UNION ALL SELECT * FROM quarantined
)
INSERT INTO mailroom.bounce_audit (action, message_id, entry_id, sender, recipient, received_at, received_from,
                                   smtp_status, enhanced_status, diagnostic)
SELECT 'discarded-by-operator', g.message_id, g.entry_id, m.sender, g.recipient, m.received_at, m.received_from,
       g.smtp_status, g.enhanced_status, g.diagnostic
FROM gone g
JOIN mailroom.spooled_message m USING (message_id);

-- name: drop_unreferenced
DELETE FROM mailroom.spooled_message m
WHERE m.message_id = ANY(%(message_ids)s)
  AND NOT EXISTS (SELECT FROM mailroom.queue_entry e WHERE e.message_id = m.message_id)
  AND NOT EXISTS (SELECT FROM mailroom.bounce_quarantine q WHERE q.message_id = m.message_id);
