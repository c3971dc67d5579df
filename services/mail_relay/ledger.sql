-- name: begin
-- Opens an attempt for each recipient that is new, deferred, or left open by a relay whose lease ended; of those
-- left open, `hold` makes held ones instead. The other rows stay as they are. One row comes back per recipient
-- asked for: with the state it was found in, and with `number` when it was taken; neither, when another relay took
-- it this very moment. In the order of the key, so that relays with the same mails do not wait for each other in a
-- circle. A lease that ends later than any given now could was given by a clock that has gone back since; what
-- now() says is too old for that, because this statement may have waited for the row.
WITH asked AS (
    SELECT *
    FROM json_to_recordset(%(asked)s::json)
         AS asked (mail_id text, recipient text, kind text, mail_from text, attempt_id uuid, expires_at timestamptz)
), found AS (
    SELECT mail_id, recipient, ledger.state, ledger.leased_until, ledger.attempt_id = asked.attempt_id AS repeated
    FROM asked JOIN mailroom.mail_delivery AS ledger USING (mail_id, recipient)
), taken AS (
    INSERT INTO mailroom.mail_delivery AS ledger
        (mail_id, recipient, kind, mail_from, state, attempts, attempt_id, leased_until)
    SELECT mail_id, recipient, kind, mail_from, 'attempting', 1, attempt_id, now() + %(lease)s
    FROM asked ORDER BY mail_id, recipient
    ON CONFLICT (mail_id, recipient) DO UPDATE
    SET state = CASE WHEN %(hold)s AND ledger.state = 'attempting'
                          AND ledger.attempt_id IS DISTINCT FROM excluded.attempt_id
                     THEN 'held' ELSE 'attempting' END,
        attempts = ledger.attempts + (ledger.state = 'deferred')::integer
                 + (NOT %(hold)s AND ledger.state = 'attempting'
                    AND ledger.attempt_id IS DISTINCT FROM excluded.attempt_id)::integer,
        in_doubt = ledger.in_doubt + (ledger.state = 'attempting'
                                      AND ledger.attempt_id IS DISTINCT FROM excluded.attempt_id)::integer,
        attempt_id = excluded.attempt_id, last_attempt_at = now(),
        leased_until = CASE WHEN %(hold)s AND ledger.state = 'attempting'
                                 AND ledger.attempt_id IS DISTINCT FROM excluded.attempt_id
                            THEN NULL ELSE excluded.leased_until END
    WHERE ledger.state = 'deferred'
       OR (ledger.state = 'attempting'
           AND (ledger.leased_until < now() OR ledger.leased_until > clock_timestamp() + %(lease)s
                OR ledger.attempt_id = excluded.attempt_id))
    RETURNING mail_id, recipient, state, attempts, smtp_status, reply, remote_mta, released_at, not_before
)
SELECT asked.mail_id, asked.recipient, found.state AS found, taken.state AS taken,
       coalesce(found.repeated, false) AS repeated, taken.attempts AS number, taken.smtp_status AS last_status,
       taken.reply AS last_reply, taken.remote_mta AS last_mta,
       asked.expires_at <= now() AND taken.released_at IS NULL AS expired,
       taken.not_before - now() AS turn_in, asked.expires_at - now() AS time_left,
       found.leased_until - now() AS lease_left
FROM asked
LEFT JOIN taken USING (mail_id, recipient)
LEFT JOIN found USING (mail_id, recipient);

-- name: record
-- Closes attempts, unless another relay has opened a later one since; an attempt in which the mail was not offered
-- does not count. Recipients of `contents` that failed go to the bounce queue with it, so that the sender is
-- notified; in the same statement, so that neither is ever without the other.
WITH result AS (
    SELECT *
    FROM json_to_recordset(%(results)s::json)
         AS result (mail_id text, recipient text, attempt_id uuid, state text, offered boolean, in_doubt integer,
                    turn double precision, smtp_status integer, enhanced_status text, reply text, remote_mta text,
                    remote_ip inet)
), recorded AS (
    UPDATE mailroom.mail_delivery AS ledger
    SET state = result.state, leased_until = NULL, in_doubt = ledger.in_doubt + result.in_doubt,
        attempts = ledger.attempts - (NOT result.offered)::integer,
        released_at = CASE WHEN NOT result.offered THEN ledger.released_at END, not_before = now() + result.turn * interval '1 second',
        smtp_status = result.smtp_status, enhanced_status = result.enhanced_status, reply = result.reply,
        remote_mta = result.remote_mta, finished_at = CASE WHEN result.state IN ('delivered', 'failed') THEN now() END
    FROM result
    WHERE ledger.mail_id = result.mail_id AND ledger.recipient = result.recipient
      AND ledger.state = 'attempting' AND ledger.attempt_id = result.attempt_id
    RETURNING ledger.*, result.remote_ip
), original AS (
    SELECT mail_id, mail_from, created_at, smtputf8, content,
           nextval(pg_get_serial_sequence('mailroom.spooled_message', 'message_id')) AS message_id
    FROM unnest(%(bounced_ids)s::text[], %(senders)s::text[], %(created)s::timestamptz[], %(smtputf8)s::boolean[],
                %(contents)s::bytea[]) AS original (mail_id, mail_from, created_at, smtputf8, content)
    WHERE EXISTS (SELECT FROM recorded WHERE recorded.mail_id = original.mail_id AND recorded.state = 'failed')
), spooled AS (
    INSERT INTO mailroom.spooled_message (message_id, sender, received_at, smtputf8, content)
    SELECT message_id, mail_from, created_at, smtputf8, content FROM original
), bounced AS (
    INSERT INTO mailroom.queue_entry
        (message_id, recipient, status, smtp_status, enhanced_status, diagnostic, remote_mta, remote_ip, attempts,
         last_attempt_at, bounced_at)
    SELECT message_id, recipient, 'bounced', smtp_status, enhanced_status, reply, remote_mta, remote_ip, attempts,
           last_attempt_at, now()
    FROM recorded JOIN original USING (mail_id) WHERE recorded.state = 'failed'
)
SELECT mail_id, recipient FROM recorded;

-- name: renew
-- Keeps attempts, and their places at their destinations, for as long again. What is locked is being closed, or is
-- another relay's by now; waiting for it could end in a circle.
WITH kept AS (
    SELECT mail_id, recipient
    FROM unnest(%(mail_ids)s::text[], %(attempt_ids)s::uuid[]) AS kept (mail_id, attempt_id)
    JOIN mailroom.mail_delivery AS ledger USING (mail_id, attempt_id)
    WHERE ledger.state = 'attempting'
    FOR UPDATE OF ledger SKIP LOCKED
), places AS (
    UPDATE mailroom.destination_slot SET leased_until = now() + %(lease)s
    WHERE attempt_id = ANY(%(attempt_ids)s::uuid[])
)
UPDATE mailroom.mail_delivery AS ledger SET leased_until = now() + %(lease)s
FROM kept WHERE ledger.mail_id = kept.mail_id AND ledger.recipient = kept.recipient
RETURNING ledger.attempt_id;

-- name: load_body
SELECT content FROM mailroom.mail_body WHERE mail_id = %(mail_id)s;

-- name: forget_body
-- Only once no recipient of the mail waits for another attempt.
DELETE FROM mailroom.mail_body
WHERE mail_id = %(body_id)s
  AND NOT EXISTS (SELECT FROM mailroom.mail_delivery
                  WHERE mail_id = %(mail_id)s AND state IN ('attempting', 'deferred', 'held'))
RETURNING mail_id;

-- name: count_in_doubt
-- Deliveries nobody knows the result of: the reply to the message never came, or the relay died over it. A held one
-- counts until an operator has decided.
SELECT (SELECT count(*) FROM mailroom.mail_delivery
        WHERE in_doubt > 0 AND finished_at IS NULL AND state IN ('deferred', 'held'))
     + (SELECT count(*) FROM mailroom.mail_delivery WHERE state = 'attempting' AND leased_until < now()) AS in_doubt;
