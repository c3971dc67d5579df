SELECT name AS server, last_seen
FROM mailroom.exchange_server
WHERE enabled AND (last_seen IS NULL OR last_seen < %(nominal_at)s - %(interval)s)
ORDER BY last_seen NULLS FIRST, name
