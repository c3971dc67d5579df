-- name: claim
-- Moving the time on is the claim; one worker in a period finds it due. One ahead of now is from before the clock
-- went back.
UPDATE mailroom.bounce_poll SET housekept_at = now()
WHERE housekept_at <= now() - %(interval)s OR housekept_at > now() + %(interval)s
RETURNING housekept_at;

-- name: prune_messages
DELETE FROM mailroom.spooled_message m
WHERE m.received_at < now() - %(prune_after)s
  AND NOT EXISTS (SELECT FROM mailroom.queue_entry e WHERE e.message_id = m.message_id)
  AND NOT EXISTS (SELECT FROM mailroom.bounce_quarantine q WHERE q.message_id = m.message_id);

-- name: prune_delay_notices
DELETE FROM mailroom.delay_notice d
WHERE d.leased_until < now() - %(prune_after)s
  AND NOT EXISTS (SELECT FROM mailroom.queue_entry e WHERE e.entry_id = d.entry_id);

-- name: prune_issued
DELETE FROM mailroom.ndr_issued WHERE issued_at < now() - greatest(%(prune_after)s, %(period)s);

-- name: prune_held
DELETE FROM mailroom.ndr_held WHERE digested_at < now() - %(prune_after)s;
