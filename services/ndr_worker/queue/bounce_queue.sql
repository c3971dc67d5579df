-- name: lock_expired
-- Entries of a worker that did not finish in time. Their messages are locked; entries of one NDR share lease
-- and message, so an NDR is taken over as a whole or not at all. A lease that ends later than twice its length
-- from now was given by a clock that has gone back since. Twice, because ours may have begun before that of a
-- worker whose lease it sees.
SELECT e.message_id, e.ndr_id
FROM mailroom.queue_entry e
JOIN mailroom.spooled_message m USING (message_id)
WHERE e.ndr_id IS NOT NULL AND (e.leased_until < now() OR e.leased_until > now() + 2 * %(lease)s)
ORDER BY e.leased_until, e.entry_id
LIMIT %(limit)s
FOR NO KEY UPDATE OF m SKIP LOCKED;

-- name: renew
-- Taken over with the ndr_id they already have: the grouping of a message's recipients never changes.
UPDATE mailroom.queue_entry
SET leased_until = now() + %(lease)s
WHERE ndr_id = ANY(%(ndr_ids)s) AND (leased_until < now() OR leased_until > now() + 2 * %(lease)s)
RETURNING entry_id;

-- name: lock_bounced
-- The oldest bounced entries nobody has claimed, with their messages locked. Messages that another worker is
-- claiming are passed over and the scan goes on, so a batch is short only when the queue is. Those that failed
-- within the settle window wait for the other recipients of their message; those ahead of it do not, they failed
-- before the clock went back.
SELECT e.message_id
FROM mailroom.queue_entry e
JOIN mailroom.spooled_message m USING (message_id)
WHERE e.status = 'bounced' AND e.ndr_id IS NULL
  AND (%(settle)s::interval = interval '0' OR e.bounced_at IS NULL OR e.bounced_at <= now() - %(settle)s::interval
       OR e.bounced_at > now() + %(settle)s::interval)
ORDER BY e.bounced_at NULLS FIRST, e.entry_id
LIMIT %(limit)s
FOR NO KEY UPDATE OF m, e SKIP LOCKED;

-- name: lock_delivered
-- The same for entries whose sender wants to hear that they were delivered.
SELECT e.message_id
FROM mailroom.queue_entry e
JOIN mailroom.spooled_message m USING (message_id)
WHERE e.status = 'delivered' AND e.ndr_id IS NULL
ORDER BY e.entry_id
LIMIT %(limit)s
FOR NO KEY UPDATE OF m, e SKIP LOCKED;

-- name: lease
-- All entries of one status of the locked messages, whole messages up to the limit. Only a first message that
-- alone exceeds the whole batch is cut, never what does not fit its rest. Each message is one NDR, or several where it has more recipients than one may name.
WITH locked AS (
    SELECT message_id, min(position) AS rank
    FROM unnest(%(message_ids)s::bigint[]) WITH ORDINALITY AS l (message_id, position)
    GROUP BY message_id
), numbered AS (
    SELECT e.entry_id, e.message_id, l.rank,
           row_number() OVER (ORDER BY l.rank, e.entry_id) AS number,
           (row_number() OVER (PARTITION BY e.message_id ORDER BY e.entry_id) - 1) / %(max_recipients)s::bigint AS share
    FROM mailroom.queue_entry e
    JOIN locked l USING (message_id)
    WHERE e.status = %(status)s AND e.ndr_id IS NULL
), counted AS (
    SELECT *, max(number) OVER (PARTITION BY message_id) AS last_of_message, min(rank) OVER () AS first_rank
    FROM numbered
), named AS (
    SELECT message_id, share, gen_random_uuid() AS ndr_id
    FROM (SELECT DISTINCT message_id, share FROM numbered) AS shares
)
UPDATE mailroom.queue_entry e
SET ndr_id = named.ndr_id, leased_until = now() + %(lease)s
FROM counted c
JOIN named USING (message_id, share)
WHERE e.entry_id = c.entry_id
  AND (c.last_of_message <= %(limit)s OR (%(whole_batch)s AND c.rank = c.first_rank AND c.number <= %(limit)s))
RETURNING e.entry_id;

-- name: read_entries
SELECT ndr_id, message_id, status, entry_id, recipient, original_recipient, notify, smtp_status, enhanced_status,
       diagnostic, remote_mta, host(remote_ip) AS remote_ip, attempts, last_attempt_at,
       coalesce(bounced_at, now()) AS bounced_at
FROM mailroom.queue_entry
WHERE entry_id = ANY(%(entry_ids)s)
ORDER BY message_id, ndr_id, entry_id;

-- name: read_messages
-- content is stored out of line and uncompressed: only the chunks of the prefix are read.
SELECT message_id, sender, received_at, received_from, helo, envelope_id, ret, smtputf8, requiretls,
       substring(content FROM 1 FOR %(prefix)s) AS content, octet_length(content) AS content_size
FROM mailroom.spooled_message
WHERE message_id = ANY(%(message_ids)s);

-- name: lock_messages
-- Two workers finishing the last entries of one message must see each other, or neither would remove it.
SELECT message_id FROM mailroom.spooled_message
WHERE message_id = ANY(%(message_ids)s)
ORDER BY message_id
FOR UPDATE;

-- name: finish
-- The audit row is made from the entry it removes, so doing this twice writes it once. What is held is noted for
-- its sender's digest in the same breath.
WITH gone AS (
    DELETE FROM mailroom.queue_entry e
    USING unnest(%(entry_ids)s::bigint[], %(actions)s::text[], %(statuses)s::text[]) AS a (entry_id, action, held_status)
    WHERE e.entry_id = a.entry_id
    RETURNING e.*, a.action, a.held_status
), held AS (
    INSERT INTO mailroom.ndr_held (entry_id, ndr_id, message_id, sender, recipient, status, diagnostic, bounced_at)
    SELECT g.entry_id, g.ndr_id, g.message_id, m.sender, g.recipient, g.held_status, g.diagnostic,
           coalesce(g.bounced_at, now())
    FROM gone g
    JOIN mailroom.spooled_message m USING (message_id)
    WHERE g.held_status IS NOT NULL
)
INSERT INTO mailroom.bounce_audit (action, ndr_id, message_id, entry_id, sender, recipient, received_at,
                                   received_from, smtp_status, enhanced_status, diagnostic)
SELECT g.action, CASE WHEN g.action IN ('reported', 'success-reported', 'held-for-digest') THEN g.ndr_id END, g.message_id, g.entry_id, m.sender,
       g.recipient, m.received_at, m.received_from, g.smtp_status, g.enhanced_status, g.diagnostic
FROM gone g
JOIN mailroom.spooled_message m USING (message_id);

-- name: quarantine
WITH gone AS (
    DELETE FROM mailroom.queue_entry e
    USING unnest(%(entry_ids)s::bigint[], %(reasons)s::text[]) AS q (entry_id, reason)
    WHERE e.entry_id = q.entry_id
    RETURNING e.*, q.reason
), audited AS (
    INSERT INTO mailroom.bounce_audit (action, message_id, entry_id, sender, recipient, received_at,
                                       received_from, smtp_status, enhanced_status, diagnostic)
    SELECT 'quarantined', g.message_id, g.entry_id, m.sender, g.recipient, m.received_at, m.received_from,
           g.smtp_status, g.enhanced_status, g.diagnostic
    FROM gone g
    JOIN mailroom.spooled_message m USING (message_id)
)
INSERT INTO mailroom.bounce_quarantine (entry_id, message_id, recipient, original_recipient, notify, status,
    smtp_status, enhanced_status, diagnostic, remote_mta, remote_ip, attempts, last_attempt_at, bounced_at, reason)
SELECT entry_id, message_id, recipient, original_recipient, notify, status,
    smtp_status, enhanced_status, diagnostic, remote_mta, remote_ip, attempts, last_attempt_at, bounced_at, reason
FROM gone;

-- name: drop_unreferenced
DELETE FROM mailroom.spooled_message m
WHERE m.message_id = ANY(%(message_ids)s)
  AND NOT EXISTS (SELECT FROM mailroom.queue_entry e WHERE e.message_id = m.message_id)
  AND NOT EXISTS (SELECT FROM mailroom.bounce_quarantine q WHERE q.message_id = m.message_id);

-- name: keep_chain
UPDATE mailroom.bounce_poll SET silent_after = now() + %(chain_lease)s, moved_at = now()
WHERE poll_id = %(poll_id)s AND next_due_at IS NULL;

-- name: end_chain
-- Only the chain that runs now may say when the next one starts.
UPDATE mailroom.bounce_poll SET next_due_at = now() + %(pause)s, outcome = %(outcome)s, moved_at = now()
WHERE poll_id = %(poll_id)s AND next_due_at IS NULL;
