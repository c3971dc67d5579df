-- name: begin
-- Opens an attempt for each recipient that is new, deferred, or left open by a relay whose lease ended. The
-- other rows stay as they are. One row comes back per recipient asked for: with `number` when it was taken,
-- with the state it was found in otherwise; neither, when another relay took it this very moment.
WITH found AS (
    SELECT recipient, state FROM mailroom.mail_delivery WHERE mail_id = %(mail_id)s
), taken AS (
    INSERT INTO mailroom.mail_delivery AS ledger (mail_id, recipient, kind, mail_from, state, attempts, leased_until)
    SELECT %(mail_id)s, recipient, %(kind)s, %(mail_from)s, 'attempting', 1, now() + %(lease)s
    FROM unnest(%(recipients)s::text[]) AS recipient
    ON CONFLICT (mail_id, recipient) DO UPDATE
    SET state = 'attempting', attempts = ledger.attempts + 1, leased_until = now() + %(lease)s, last_attempt_at = now(),
        in_doubt = ledger.in_doubt + CASE ledger.state WHEN 'attempting' THEN 1 ELSE 0 END
    WHERE ledger.state = 'deferred' OR (ledger.state = 'attempting' AND ledger.leased_until < now())
    RETURNING recipient, attempts, smtp_status, reply, remote_mta
)
SELECT asked.recipient, taken.attempts AS number, found.state, taken.smtp_status AS last_status,
       taken.reply AS last_reply, taken.remote_mta AS last_mta, now() >= %(expires_at)s AS expired
FROM unnest(%(recipients)s::text[]) AS asked (recipient)
LEFT JOIN taken USING (recipient)
LEFT JOIN found USING (recipient);

-- name: record
-- Closes attempts, unless another relay has begun a later one since. When `content` is given, the recipients
-- that failed go to the bounce queue with it, so that the sender is notified; in the same statement, so that
-- neither is ever without the other.
WITH recorded AS (
    UPDATE mailroom.mail_delivery AS ledger
    SET state = result.state, leased_until = NULL, in_doubt = ledger.in_doubt + result.in_doubt,
        smtp_status = result.smtp_status, enhanced_status = result.enhanced_status, reply = result.reply,
        remote_mta = result.remote_mta, finished_at = CASE WHEN result.state <> 'deferred' THEN now() END
    FROM unnest(%(recipients)s::text[], %(numbers)s::integer[], %(states)s::text[], %(in_doubt)s::integer[],
                %(smtp_statuses)s::integer[], %(enhanced_statuses)s::text[], %(replies)s::text[],
                %(remote_mtas)s::text[], %(remote_ips)s::inet[])
         AS result (recipient, number, state, in_doubt, smtp_status, enhanced_status, reply, remote_mta, remote_ip)
    WHERE ledger.mail_id = %(mail_id)s AND ledger.recipient = result.recipient
      AND ledger.state = 'attempting' AND ledger.attempts = result.number
    RETURNING ledger.*, result.remote_ip
), spooled AS (
    INSERT INTO mailroom.spooled_message (sender, received_at, smtputf8, content)
    SELECT %(mail_from)s, %(created_at)s, %(smtputf8)s, %(content)s::bytea
    WHERE %(content)s::bytea IS NOT NULL AND EXISTS (SELECT FROM recorded WHERE state = 'failed')
    RETURNING message_id
), bounced AS (
    INSERT INTO mailroom.queue_entry
        (message_id, recipient, status, smtp_status, enhanced_status, diagnostic, remote_mta, remote_ip, attempts,
         last_attempt_at, bounced_at)
    SELECT spooled.message_id, recorded.recipient, 'bounced', recorded.smtp_status, recorded.enhanced_status,
           recorded.reply, recorded.remote_mta, recorded.remote_ip, recorded.attempts, recorded.last_attempt_at, now()
    FROM recorded, spooled WHERE recorded.state = 'failed'
)
SELECT recipient FROM recorded;

-- name: load_body
SELECT content FROM mailroom.mail_body WHERE mail_id = %(mail_id)s;

-- name: forget_body
-- Only once no recipient of the mail waits for another attempt.
DELETE FROM mailroom.mail_body
WHERE mail_id = %(body_id)s
  AND NOT EXISTS (SELECT FROM mailroom.mail_delivery WHERE mail_id = %(mail_id)s AND state IN ('attempting', 'deferred'))
RETURNING mail_id;

-- name: count_in_doubt
-- Deliveries nobody knows the result of: the reply to the message never came, or the relay died over it.
SELECT (SELECT count(*) FROM mailroom.mail_delivery WHERE in_doubt > 0 AND finished_at IS NULL AND state = 'deferred')
     + (SELECT count(*) FROM mailroom.mail_delivery WHERE state = 'attempting' AND leased_until < now());
