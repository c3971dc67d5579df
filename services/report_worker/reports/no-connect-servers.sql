SELECT name AS server, last_connection
FROM mailroom.exchange_server
WHERE enabled AND (last_connection IS NULL OR last_connection < %(nominal_at)s - %(interval)s)
ORDER BY last_connection NULLS FIRST, name
