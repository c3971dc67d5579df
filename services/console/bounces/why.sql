-- name: audited
-- This and the two below: of an address, or of an entry; the one that is not asked for is NULL.
SELECT a.audited_at AS at, a.action, a.ndr_id, a.message_id, a.entry_id, a.sender, a.recipient, a.diagnostic,
       h.digest_id, h.digested_at
FROM mailroom.bounce_audit a
LEFT JOIN mailroom.ndr_held h ON h.entry_id = a.entry_id AND a.action = 'held-for-digest'
WHERE lower(a.sender) = lower(%(address)s::text) OR lower(a.recipient) = lower(%(address)s::text)
   OR a.entry_id = %(entry_id)s
ORDER BY a.audit_id DESC
LIMIT %(limit)s;

-- name: queued
SELECT coalesce(e.bounced_at, e.last_attempt_at, m.received_at) AS at, e.status, e.ndr_id, e.message_id, e.entry_id,
       m.sender, e.recipient, e.diagnostic, e.attempts, e.leased_until,
       coalesce(e.leased_until > now(), false) AS leased
FROM mailroom.queue_entry e
JOIN mailroom.spooled_message m USING (message_id)
WHERE lower(m.sender) = lower(%(address)s::text) OR lower(e.recipient) = lower(%(address)s::text)
   OR e.entry_id = %(entry_id)s
ORDER BY e.entry_id DESC
LIMIT %(limit)s;

-- name: quarantined
SELECT q.quarantined_at AS at, q.message_id, q.entry_id, m.sender, q.recipient, q.reason
FROM mailroom.bounce_quarantine q
JOIN mailroom.spooled_message m USING (message_id)
WHERE lower(m.sender) = lower(%(address)s::text) OR lower(q.recipient) = lower(%(address)s::text)
   OR q.entry_id = %(entry_id)s
ORDER BY q.entry_id DESC
LIMIT %(limit)s;

-- name: deliveries
SELECT mail_id, recipient, state, attempts, leased_until, coalesce(leased_until > now(), false) AS leased, reply,
       remote_mta, last_attempt_at
FROM mailroom.mail_delivery
WHERE mail_id = ANY(%(mail_ids)s)
ORDER BY mail_id, recipient;

-- name: known_addresses
-- The latest only: enough to tell what somebody meant to type.
SELECT sender FROM (SELECT sender FROM mailroom.bounce_audit ORDER BY audit_id DESC LIMIT 2000) AS audited
UNION SELECT recipient FROM (SELECT recipient FROM mailroom.bounce_audit ORDER BY audit_id DESC LIMIT 2000) AS audited
UNION SELECT recipient FROM (SELECT recipient FROM mailroom.queue_entry ORDER BY entry_id DESC LIMIT 2000) AS queued
UNION SELECT sender FROM (SELECT sender FROM mailroom.spooled_message ORDER BY message_id DESC LIMIT 2000) AS spooled;
