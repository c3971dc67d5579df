SELECT name AS server, last_inbox_access
FROM mailroom.exchange_server
WHERE enabled AND (last_inbox_access IS NULL OR last_inbox_access < %(nominal_at)s - %(interval)s)
ORDER BY last_inbox_access NULLS FIRST, name
