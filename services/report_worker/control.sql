-- name: preferences
SELECT name, value FROM mailroom.preference WHERE section = 'exchange';

-- name: subscription
SELECT name, enabled, emails_list, from_email, email_subject, alternate_email_subject, columns, tags, mute_until,
       send_empty, attachment
FROM mailroom.subscription WHERE name = %(name)s;

-- name: enabled_sites
SELECT name FROM mailroom.site WHERE enabled ORDER BY name;

-- name: enabled_bots
SELECT host_name FROM mailroom.bot WHERE enabled ORDER BY host_name;
