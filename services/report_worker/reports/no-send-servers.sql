SELECT name AS server, last_send
FROM mailroom.exchange_server
WHERE enabled AND (last_send IS NULL OR last_send < %(nominal_at)s - %(interval)s)
ORDER BY last_send NULLS FIRST, name
