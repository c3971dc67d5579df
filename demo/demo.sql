-- name: schedule_now
-- The installed schedules fire at 07:45; the demo's fire as soon as the scheduler runs.
UPDATE mailroom.schedule SET crontab = NULL, every = interval '10 minutes', starts_at = now();

-- name: scheduled_reports
SELECT DISTINCT jsonb_array_elements_text(args -> 'reports') FROM mailroom.schedule WHERE enabled ORDER BY 1;

-- name: enabled_sites
SELECT name FROM mailroom.site WHERE enabled ORDER BY name;

-- name: enabled_bots
SELECT host_name FROM mailroom.bot WHERE enabled ORDER BY host_name;

-- name: bounced_messages
-- Every message that must lead to exactly one NDR.
SELECT count(DISTINCT m.message_id)
FROM mailroom.spooled_message m
JOIN mailroom.queue_entry e USING (message_id)
WHERE e.status = 'bounced' AND m.sender <> '';

-- name: untouched_entries
SELECT count(*) FROM mailroom.queue_entry WHERE status <> 'bounced';

-- name: leftovers
-- Nothing may be left of the bounces, and nothing may be quarantined.
SELECT (SELECT count(*) FROM mailroom.queue_entry WHERE status = 'bounced') AS bounced,
       (SELECT count(*) FROM mailroom.bounce_quarantine) AS quarantined;

-- name: reported_messages
SELECT DISTINCT message_id, ndr_id::text FROM mailroom.bounce_audit WHERE action = 'reported';
