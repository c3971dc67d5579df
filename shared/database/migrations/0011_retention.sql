-- depends: 0010_console
-- What removes old rows: when it was last done, monthly partitions made ahead and dropped, and what finds old rows.

CREATE TABLE housekeeping (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    horizon     timestamptz,
    finished_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE housekeeping IS 'When old rows were last removed; exactly one row.';
COMMENT ON COLUMN housekeeping.claimed_at IS 'When a round last began; moving it on is the claim of the next one.';
COMMENT ON COLUMN housekeeping.horizon IS
    'The moment that round counted ages from: now, unless the clock has leapt ahead since the one before.';
COMMENT ON COLUMN housekeeping.finished_at IS
    'When a round last came to its end; before the first one, when this row was made, so that its lack is noticed.';
INSERT INTO housekeeping DEFAULT VALUES;

CREATE INDEX bounce_audit_audited ON bounce_audit (audited_at);

-- What removes old rows may remove no others, even when somebody else speaks in its name: what was done today can be
-- read tomorrow.
CREATE FUNCTION keep_recent_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'mailroom.bounce_audit keeps its rows for a day at least' USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
COMMENT ON FUNCTION keep_recent_audit IS 'Refuses to remove a row, whoever asks.';
CREATE TRIGGER keep_recent_audit BEFORE DELETE ON bounce_audit
    FOR EACH ROW WHEN (OLD.audited_at > now() - interval '1 day') EXECUTE FUNCTION keep_recent_audit();

-- Holds the events of the last exchange__expire_events, and no others.
CREATE INDEX bot_event_unexpired ON bot_event (registered_on) WHERE NOT is_expired;
COMMENT ON COLUMN bot_event.is_expired IS 'Older than exchange__expire_events: in no report.';

-- Attaching a filled table, in place of creating an empty partition, lets events of the month that are in the default
-- partition already move into it, in one transaction with everything else.
CREATE OR REPLACE FUNCTION ensure_event_partitions(first_day timestamptz, last_day timestamptz) RETURNS integer
LANGUAGE plpgsql SET TimeZone = 'UTC' AS $$
DECLARE
    month_start timestamptz := date_trunc('month', first_day);
    created integer := 0;
    partition_name text;
BEGIN
    -- One at a time looks what is missing.
    PERFORM pg_advisory_xact_lock(hashtext('mailroom partitions of events'));
    WHILE month_start <= last_day LOOP
        partition_name := 'bot_event_' || to_char(month_start, 'YYYY_MM');
        IF to_regclass('mailroom.' || partition_name) IS NULL THEN
            -- In the order in which who adds events has them, who begins with their bot.
            LOCK TABLE mailroom.bot IN SHARE ROW EXCLUSIVE MODE;
            LOCK TABLE ONLY mailroom.bot_event IN SHARE UPDATE EXCLUSIVE MODE;
            LOCK TABLE mailroom.bot_event_default IN ACCESS EXCLUSIVE MODE;
            EXECUTE format('CREATE TABLE mailroom.%I (LIKE mailroom.bot_event INCLUDING ALL)', partition_name);
            EXECUTE format(
                'WITH moved AS (DELETE FROM mailroom.bot_event_default'
                ' WHERE registered_on >= %L AND registered_on < %L RETURNING *)'
                ' INSERT INTO mailroom.%I SELECT * FROM moved',
                month_start, month_start + interval '1 month', partition_name);
            EXECUTE format(
                'ALTER TABLE mailroom.bot_event ATTACH PARTITION mailroom.%I FOR VALUES FROM (%L) TO (%L)',
                partition_name, month_start, month_start + interval '1 month');
            created := created + 1;
        END IF;
        month_start := month_start + interval '1 month';
    END LOOP;
    RETURN created;
END
$$;
COMMENT ON FUNCTION ensure_event_partitions IS
    'Creates the missing monthly partitions (UTC months) between two moments, with what the default partition has of them; returns how many.';

-- The next two act as the owner, for the worker role, which may neither create nor drop a table. Whoever waits for
-- their locks waits behind everybody who uses the events, and has everybody else wait behind them; so they give up soon.
CREATE FUNCTION prepare_event_partitions() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
    SELECT mailroom.ensure_event_partitions(now(), now() + interval '2 months');
$$;
COMMENT ON FUNCTION prepare_event_partitions IS
    'Creates the partitions of this month and the next two where they are missing; returns how many.';

CREATE FUNCTION drop_event_partition(month_start timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET lock_timeout = '1s' AS $$
DECLARE
    partition_name text := 'bot_event_' || to_char(month_start, 'YYYY_MM');
BEGIN
    IF date_trunc('month', month_start) + interval '1 month' > now() - interval '1 day' THEN
        RAISE EXCEPTION 'mailroom.% has events of the last day', partition_name USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF to_regclass('mailroom.' || partition_name) IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE mailroom.%I', partition_name);
    RETURN true;
END
$$;
COMMENT ON FUNCTION drop_event_partition IS
    'Drops the partition of a month that ended more than a day ago; tells whether there was one.';

-- Until now nothing created partitions by itself, so the events of two years may be in the default one.
DO $$
BEGIN
    PERFORM ensure_event_partitions(
        greatest((SELECT least(min(registered_on), now()) FROM bot_event_default), now() - interval '2 years'),
        now() + interval '2 months');
END
$$;
