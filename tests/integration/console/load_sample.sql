-- name: count_events
SELECT count(*) FROM mailroom.bot_event;

-- name: count_event_mails
SELECT count(*) FROM mailroom.bot_message JOIN mailroom.bot_event ON uuid = event;

-- name: count_messages
SELECT count(*) FROM mailroom.spooled_message;

-- name: count_bounced
SELECT count(*) FROM mailroom.queue_entry WHERE status = 'bounced';

-- name: count_messages_that_earn_a_notification
SELECT count(DISTINCT message_id)
FROM mailroom.queue_entry JOIN mailroom.spooled_message USING (message_id)
WHERE status = 'bounced' AND sender <> '' AND (notify IS NULL OR notify LIKE '%FAILURE%');

-- name: count_events_outside_the_monthly_partitions
SELECT count(*) FROM mailroom.bot_event_default;

-- name: count_partitions
SELECT count(*) FROM pg_tables WHERE schemaname = 'mailroom' AND tablename LIKE 'bot\_event\_2%';

-- name: count_partitions_of_the_owner_role
SELECT count(*) FROM pg_tables
WHERE schemaname = 'mailroom' AND tablename LIKE 'bot\_event\_2%' AND tableowner = current_database() || '_owner';

-- name: count_lowest_message_id
SELECT min(message_id) FROM mailroom.spooled_message;

-- name: count_highest_message_id
SELECT max(message_id) FROM mailroom.spooled_message;

-- name: count_messages_of_the_operator
SELECT count(*) FROM mailroom.spooled_message WHERE message_id = 1000 AND sender = 'operator@example.com';

-- name: insert_message_with_explicit_id
INSERT INTO mailroom.spooled_message (message_id, sender, content) VALUES (1000, 'operator@example.com', 'mail');

-- name: insert_message
INSERT INTO mailroom.spooled_message (sender, content) VALUES ('operator@example.com', 'mail');

-- name: finish_entries
DELETE FROM mailroom.queue_entry;

-- name: finish_messages
DELETE FROM mailroom.spooled_message;
