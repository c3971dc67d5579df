SELECT name AS database, server, last_access
FROM mailroom.exchange_database
WHERE enabled AND (last_access IS NULL OR last_access < %(nominal_at)s - %(interval)s)
ORDER BY last_access NULLS FIRST, server, name
