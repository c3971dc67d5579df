-- name: quarantine
WITH gone AS (DELETE FROM mailroom.queue_entry WHERE entry_id = %(entry_id)s RETURNING *)
INSERT INTO mailroom.bounce_quarantine
SELECT gone.*, 'sender has no domain', now() FROM gone;

-- name: lease
UPDATE mailroom.queue_entry SET ndr_id = gen_random_uuid(), leased_until = now() + interval '1 hour'
WHERE entry_id = %(entry_id)s;

-- name: defer
UPDATE mailroom.queue_entry SET status = 'deferred' WHERE entry_id = %(entry_id)s;

-- name: entries
SELECT entry_id, ndr_id, leased_until, original_recipient, notify, status, smtp_status, diagnostic
FROM mailroom.queue_entry ORDER BY entry_id;

-- name: messages
SELECT message_id, sender, envelope_id, ret, content FROM mailroom.spooled_message ORDER BY message_id;

-- name: audit
SELECT entry_id, action FROM mailroom.bounce_audit ORDER BY audit_id;

-- name: quarantined
SELECT entry_id FROM mailroom.bounce_quarantine ORDER BY entry_id;

-- name: deliver
INSERT INTO mailroom.mail_delivery (mail_id, recipient, kind, mail_from, state, reply, remote_mta)
SELECT 'ndr.' || ndr_id, sender, 'ndr', '', 'delivered', '250 2.0.0 taken', 'mx.example.com'
FROM mailroom.bounce_audit WHERE ndr_id IS NOT NULL;

-- name: another_chain_runs
UPDATE mailroom.bounce_poll
SET poll_id = gen_random_uuid(), next_due_at = NULL, silent_after = now() + interval '1 hour';

-- name: chain
SELECT next_due_at IS NOT NULL, outcome FROM mailroom.bounce_poll;
