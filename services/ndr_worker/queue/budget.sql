-- name: lock_senders
-- Workers counting the same sender's NDRs take turns.
SELECT pg_advisory_xact_lock(hashtext('ndr budget'), key)
FROM (SELECT DISTINCT hashtext(sender) AS key FROM unnest(%(senders)s::text[]) AS sender ORDER BY key) AS keys;

-- name: count
-- Each NDR is counted once, however often its batch is done; the first ones of the period are within the budget.
INSERT INTO mailroom.ndr_issued (ndr_id, sender, held)
SELECT asked.ndr_id, asked.sender, coalesce(issued.count, 0) + asked.place > %(budget)s
FROM (
    SELECT ndr_id, sender, row_number() OVER (PARTITION BY sender ORDER BY position) AS place
    FROM unnest(%(ndr_ids)s::uuid[], %(senders)s::text[]) WITH ORDINALITY AS a (ndr_id, sender, position)
    WHERE NOT EXISTS (SELECT FROM mailroom.ndr_issued i WHERE i.ndr_id = a.ndr_id)
) AS asked
LEFT JOIN (
    SELECT sender, count(*) FROM mailroom.ndr_issued
    WHERE sender = ANY(%(senders)s::text[]) AND NOT held AND issued_at > now() - %(period)s
    GROUP BY sender
) AS issued USING (sender);

-- name: held
SELECT ndr_id FROM mailroom.ndr_issued WHERE ndr_id = ANY(%(ndr_ids)s::uuid[]) AND held;

-- name: reclaim_digests
-- Digests whose worker did not finish, under the id they have; as in bounce_queue.sql.
UPDATE mailroom.ndr_held SET leased_until = now() + %(lease)s
WHERE digested_at IS NULL AND digest_id IS NOT NULL
  AND (leased_until < now() OR leased_until > now() + 2 * %(lease)s)
RETURNING digest_id;

-- name: claim_digests
-- Senders whose first held NDR is a period old, or was held before the clock went back: all they have waiting, under
-- whatever tag, goes into one digest.
WITH due AS (
    SELECT sender, gen_random_uuid() AS digest_id
    FROM (
        SELECT i.sender
        FROM mailroom.ndr_held h
        JOIN mailroom.ndr_issued i USING (ndr_id)
        WHERE h.digested_at IS NULL AND h.digest_id IS NULL
        GROUP BY i.sender
        HAVING min(h.held_at) <= now() - %(period)s OR min(h.held_at) > now() + %(period)s
        LIMIT %(limit)s
    ) AS senders
)
UPDATE mailroom.ndr_held h SET digest_id = due.digest_id, leased_until = now() + %(lease)s
FROM due
JOIN mailroom.ndr_issued i USING (sender)
WHERE h.ndr_id = i.ndr_id AND h.digested_at IS NULL AND h.digest_id IS NULL
RETURNING h.digest_id;

-- name: read_digests
SELECT digest_id, sender, message_id, recipient, status, diagnostic, bounced_at
FROM mailroom.ndr_held
WHERE digest_id = ANY(%(digest_ids)s::uuid[])
ORDER BY digest_id, bounced_at, entry_id;

-- name: finish_digests
UPDATE mailroom.ndr_held SET digested_at = now(), leased_until = NULL
WHERE digest_id = ANY(%(digest_ids)s::uuid[]) AND digested_at IS NULL;
