-- name: first_since
-- The id from which on records are of a time or later: ids and times grow together, so the range of ids is halved
-- until one is left, instead of reading the table. No row when there is no such record.
WITH RECURSIVE ids AS (
    SELECT min(audit_id) AS low, max(audit_id) + 1 AS high FROM mailroom.bounce_audit
), halving AS (
    SELECT low, high FROM ids WHERE low IS NOT NULL
    UNION ALL
    SELECT CASE WHEN middle.audited_at >= %(since)s THEN halving.low ELSE middle.audit_id + 1 END,
           CASE WHEN middle.audited_at >= %(since)s THEN (halving.low + halving.high) / 2 ELSE halving.high END
    FROM halving, LATERAL (
        SELECT audit_id, audited_at FROM mailroom.bounce_audit
        WHERE audit_id >= (halving.low + halving.high) / 2
        ORDER BY audit_id LIMIT 1
    ) AS middle
    WHERE halving.low < halving.high
)
SELECT low FROM halving WHERE low = high AND low <= (SELECT max(audit_id) FROM mailroom.bounce_audit) LIMIT 1;
