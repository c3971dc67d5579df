-- name: keep
-- The first copy stays: a message_ref to it may be in the queue already.
INSERT INTO mailroom.mail_body (mail_id, content, size, sha256)
VALUES (%(mail_id)s, %(content)s, %(size)s, %(sha256)s)
ON CONFLICT (mail_id) DO NOTHING;

-- name: reference
SELECT mail_id, size, sha256 FROM mailroom.mail_body WHERE mail_id = %(mail_id)s;
