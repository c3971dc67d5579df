-- The rows each report has to have, asked in another way than the reports do; see test_reference.py.

-- name: bot
SELECT host_name FROM mailroom.bot EXCEPT SELECT host_name FROM mailroom.bot WHERE NOT enabled;

-- name: site
SELECT name FROM mailroom.site EXCEPT SELECT name FROM mailroom.site WHERE NOT enabled;

-- name: broken_domain_pairs
SELECT from_domain, to_domain, site, status, last_verified
FROM (TABLE mailroom.domain_pair) AS pair
WHERE (enabled, is_expired, status) = (true, false, 'FAIL')
ORDER BY from_domain, to_domain, coalesce(last_verified, '-infinity') DESC, site;

-- name: all_domain_pairs
SELECT from_domain, to_domain, site, status, last_verified
FROM mailroom.domain_pair
WHERE id NOT IN (SELECT id FROM mailroom.domain_pair WHERE NOT enabled OR is_expired)
ORDER BY from_domain, to_domain, coalesce(last_verified, '-infinity') DESC, site;

-- name: unverified_domain_pairs
SELECT from_domain, to_domain, site, status, last_verified
FROM mailroom.domain_pair
WHERE NOT (is_expired OR NOT enabled) AND coalesce(last_verified >= %(since)s, false) IS FALSE
ORDER BY coalesce(last_verified, '-infinity'), from_domain, to_domain, site;

-- name: events_by_bot
SELECT m.identifier, m.sent_from, m.sent_to, m.received_from, m.received_by, e.type, e.status, e.registered_on
FROM mailroom.bot_message m, mailroom.bot_event e
WHERE e.uuid = m.event AND e.bot = %(entity)s AND e.registered_on <@ tstzrange(%(since)s, %(until)s)
  AND e.type = ANY (ARRAY['receive', 'send']) AND e.is_expired = false
ORDER BY e.registered_on, m.identifier, CASE e.type WHEN 'send' THEN 1 ELSE 2 END, e.uuid;

-- name: failed_events_by_bot
SELECT m.identifier, m.sent_from, m.sent_to, m.received_from, m.received_by, e.type, e.status, e.registered_on
FROM mailroom.bot_message m, mailroom.bot_event e
WHERE e.uuid = m.event AND e.bot = %(entity)s AND e.registered_on <@ tstzrange(%(since)s, %(until)s)
  AND e.type NOT IN ('configuration', 'connection', 'create') AND e.is_expired = false AND e.status <> 'PASS'
ORDER BY e.registered_on, m.identifier, CASE e.type WHEN 'send' THEN 1 ELSE 2 END, e.uuid;

-- name: events_by_site
SELECT m.identifier, m.sent_from, m.sent_to, m.received_from, m.received_by, e.bot, e.type, e.status, e.registered_on
FROM mailroom.bot_message m, mailroom.bot_event e
WHERE e.uuid = m.event AND e.bot IN (SELECT host_name FROM mailroom.bot WHERE site = %(entity)s)
  AND e.registered_on <@ tstzrange(%(since)s, %(until)s)
  AND e.type = ANY (ARRAY['receive', 'send']) AND e.is_expired = false
ORDER BY e.registered_on, m.identifier, CASE e.type WHEN 'send' THEN 1 ELSE 2 END, e.uuid;

-- name: failed_events_by_site
SELECT m.identifier, m.sent_from, m.sent_to, m.received_from, m.received_by, e.bot, e.type, e.status, e.registered_on
FROM mailroom.bot_message m, mailroom.bot_event e
WHERE e.uuid = m.event AND e.bot IN (SELECT host_name FROM mailroom.bot WHERE site = %(entity)s)
  AND e.registered_on <@ tstzrange(%(since)s, %(until)s)
  AND e.type NOT IN ('configuration', 'connection', 'create') AND e.is_expired = false AND e.status <> 'PASS'
ORDER BY e.registered_on, m.identifier, CASE e.type WHEN 'send' THEN 1 ELSE 2 END, e.uuid;

-- name: no_receive_servers
SELECT name, last_inbox_access FROM mailroom.exchange_server
WHERE enabled EXCEPT
SELECT name, last_inbox_access FROM mailroom.exchange_server WHERE last_inbox_access >= %(since)s
ORDER BY 2 NULLS FIRST, 1;

-- name: no_send_servers
SELECT name, last_send FROM mailroom.exchange_server
WHERE enabled EXCEPT
SELECT name, last_send FROM mailroom.exchange_server WHERE last_send >= %(since)s
ORDER BY 2 NULLS FIRST, 1;

-- name: no_connect_servers
SELECT name, last_connection FROM mailroom.exchange_server
WHERE enabled EXCEPT
SELECT name, last_connection FROM mailroom.exchange_server WHERE last_connection >= %(since)s
ORDER BY 2 NULLS FIRST, 1;

-- name: dead_servers
SELECT name, last_seen FROM mailroom.exchange_server
WHERE enabled EXCEPT
SELECT name, last_seen FROM mailroom.exchange_server WHERE last_seen >= %(since)s
ORDER BY 2 NULLS FIRST, 1;

-- name: dead_databases
SELECT name, server, last_access FROM mailroom.exchange_database
WHERE enabled EXCEPT
SELECT name, server, last_access FROM mailroom.exchange_database WHERE last_access >= %(since)s
ORDER BY 3 NULLS FIRST, 2, 1;
