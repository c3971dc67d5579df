-- name: list
SELECT name, enabled, emails_list, from_email, template_name, email_subject, alternate_email_subject, columns, tags,
       mute_until, send_empty, attachment, notes, updated_at, updated_by
FROM mailroom.subscription
ORDER BY name;

-- name: lock
-- Two operators change it one after the other.
SELECT FROM mailroom.subscription WHERE name = ANY(%(names)s) FOR UPDATE;

-- name: store
UPDATE mailroom.subscription
SET enabled = %(enabled)s, emails_list = %(emails_list)s, from_email = %(from_email)s,
    template_name = %(template_name)s, email_subject = %(email_subject)s,
    alternate_email_subject = %(alternate_email_subject)s, columns = %(columns)s, tags = %(tags)s,
    mute_until = %(mute_until)s, send_empty = %(send_empty)s, attachment = %(attachment)s, notes = %(notes)s,
    updated_at = now(), updated_by = %(changed_by)s
WHERE name = %(name)s;
