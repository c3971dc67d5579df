-- name: act_as_owner
-- So that partitions created here belong to the role that migrations act as.
SELECT set_config('role', current_database() || '_owner', true);

-- name: has_inventory
SELECT EXISTS (SELECT FROM mailroom.site);

-- name: empty
-- Ids go on from where they were: a mail that was delivered already is known by the id of what it reports.
TRUNCATE mailroom.bot_message, mailroom.bot_event, mailroom.domain_pair, mailroom.exchange_database,
    mailroom.exchange_server, mailroom.bot, mailroom.site, mailroom.bounce_audit, mailroom.bounce_quarantine,
    mailroom.queue_entry, mailroom.spooled_message;

-- name: ensure_partitions
SELECT mailroom.ensure_event_partitions(%(first)s, %(last)s);

-- name: copy_sites
COPY mailroom.site (name, enabled, notes) FROM STDIN;

-- name: copy_bots
COPY mailroom.bot (host_name, site, ip_address, enabled, last_seen) FROM STDIN;

-- name: copy_servers
COPY mailroom.exchange_server (name, enabled, last_connection, last_send, last_inbox_access, last_seen) FROM STDIN;

-- name: copy_databases
COPY mailroom.exchange_database (name, server, enabled, last_access) FROM STDIN;

-- name: copy_domain_pairs
COPY mailroom.domain_pair (site, from_domain, to_domain, status, last_verified, enabled, is_expired) FROM STDIN;

-- name: copy_events
COPY mailroom.bot_event
    (uuid, bot, event_group_id, status, type, mail_account, message, exception, body, registered_on)
FROM STDIN;

-- name: copy_event_mails
COPY mailroom.bot_message
    (event, identifier, sent_from, sent_to, received_from, received_by, created, sent, received)
FROM STDIN;

-- name: pass_ids_given_explicitly
-- A sequence may be behind rows whose ids were not drawn from it; it only ever moves forward.
SELECT setval(sequence, highest)
FROM (SELECT pg_get_serial_sequence('mailroom.spooled_message', 'message_id')::regclass,
             (SELECT max(message_id) FROM mailroom.spooled_message)
      UNION ALL
      SELECT pg_get_serial_sequence('mailroom.queue_entry', 'entry_id')::regclass,
             (SELECT max(entry_id) FROM mailroom.queue_entry)) AS ids (sequence, highest)
WHERE highest > coalesce(pg_sequence_last_value(sequence), 0);

-- name: draw_message_ids
-- As the table's own default would, so that services may write to the queue meanwhile.
SELECT nextval(pg_get_serial_sequence('mailroom.spooled_message', 'message_id')) FROM generate_series(1, %(count)s);

-- name: draw_entry_ids
SELECT nextval(pg_get_serial_sequence('mailroom.queue_entry', 'entry_id')) FROM generate_series(1, %(count)s);

-- name: copy_messages
COPY mailroom.spooled_message
    (message_id, sender, received_at, received_from, helo, envelope_id, ret, smtputf8, requiretls, content)
FROM STDIN (FORMAT binary);

-- name: copy_entries
COPY mailroom.queue_entry
    (entry_id, message_id, recipient, original_recipient, notify, status, smtp_status, enhanced_status, diagnostic,
     remote_mta, remote_ip, attempts, last_attempt_at, bounced_at)
FROM STDIN;

-- name: gather_statistics
-- So that the first queries after a bulk load are planned for what is there.
ANALYZE mailroom.bot_event, mailroom.bot_message, mailroom.spooled_message, mailroom.queue_entry;
