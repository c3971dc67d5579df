-- name: reserve_turns
-- Moves the destination's next free time on by `turns` intervals and returns when the first of them is; no row when
-- that would be after `expires_at`, so that mail nobody can deliver in time holds up none that comes later. What
-- was reserved by a clock that has gone back since is counted from now.
INSERT INTO mailroom.destination_rate AS rate (domain, next_free_at, reserved_at)
VALUES (%(domain)s, now() + %(turns)s * %(interval)s::interval, now())
ON CONFLICT (domain) DO UPDATE
SET next_free_at = greatest(now(), CASE WHEN rate.reserved_at > clock_timestamp()
                                        THEN now() + (rate.next_free_at - rate.reserved_at)
                                        ELSE rate.next_free_at END) + %(turns)s * %(interval)s::interval,
    reserved_at = clock_timestamp()
WHERE rate.next_free_at < %(expires_at)s OR rate.reserved_at > clock_timestamp()
RETURNING next_free_at - %(turns)s * %(interval)s::interval - now() AS turn_in;

-- name: take_place
-- A place whose lease ended belonged to a relay that died; one whose lease ends later than any given now could was
-- given by a clock that has gone back since.
WITH free AS (
    SELECT domain, number FROM mailroom.destination_slot
    WHERE domain = %(domain)s AND number <= %(concurrency)s
      AND (leased_until IS NULL OR leased_until < now() OR leased_until > clock_timestamp() + %(lease)s)
    ORDER BY number
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE mailroom.destination_slot AS place SET attempt_id = %(attempt_id)s, leased_until = now() + %(lease)s
FROM free WHERE place.domain = free.domain AND place.number = free.number
RETURNING place.number;

-- name: add_places
INSERT INTO mailroom.destination_slot (domain, number)
SELECT %(domain)s, generate_series(1, %(concurrency)s)
ON CONFLICT DO NOTHING;

-- name: free_places
UPDATE mailroom.destination_slot SET attempt_id = NULL, leased_until = NULL WHERE attempt_id = %(attempt_id)s;

-- name: forget_idle
-- Rows that say nothing any more: of destinations that have had no mail for a while.
WITH rates AS (
    DELETE FROM mailroom.destination_rate WHERE next_free_at < now() - interval '1 hour'
)
DELETE FROM mailroom.destination_slot WHERE leased_until IS NULL OR leased_until < now() - interval '1 hour';
