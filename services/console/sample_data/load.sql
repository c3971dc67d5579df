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

-- name: lock_queue
-- Nobody else may take ids until this transaction has used the ones it reads.
LOCK TABLE mailroom.spooled_message, mailroom.queue_entry IN SHARE ROW EXCLUSIVE MODE;

-- name: last_ids
-- The sequence may be ahead of the rows (they are deleted when done) or behind them (ids may be given explicitly).
SELECT
    greatest(
        (SELECT coalesce(max(message_id), 0) FROM mailroom.spooled_message),
        pg_sequence_last_value(pg_get_serial_sequence('mailroom.spooled_message', 'message_id')::regclass)),
    greatest(
        (SELECT coalesce(max(entry_id), 0) FROM mailroom.queue_entry),
        pg_sequence_last_value(pg_get_serial_sequence('mailroom.queue_entry', 'entry_id')::regclass));

-- name: keep_last_ids
SELECT
    setval(pg_get_serial_sequence('mailroom.spooled_message', 'message_id')::regclass, %(message_id)s),
    setval(pg_get_serial_sequence('mailroom.queue_entry', 'entry_id')::regclass, %(entry_id)s);

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
