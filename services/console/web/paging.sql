-- name: estimate
-- PostgreSQL's own estimate of a table's rows, its partitions included.
SELECT greatest(0, coalesce(sum(class.reltuples), 0))::bigint
FROM pg_partition_tree(%(table)s::regclass) AS part
JOIN pg_class AS class ON class.oid = part.relid
WHERE part.isleaf;
