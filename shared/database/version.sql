-- name: has_bookkeeping
SELECT to_regclass('mailroom._yoyo_migration') IS NOT NULL;

-- name: applied
SELECT migration_id FROM mailroom._yoyo_migration;
