-- name: witness
-- Every entry that ever bounced, whoever wrote it, committed with it: what the books have to account for.
CREATE SCHEMA chaos;
CREATE TABLE chaos.bounced (
    entry_id   bigint PRIMARY KEY,
    message_id bigint NOT NULL,
    recipient  text NOT NULL,
    sender     text NOT NULL
);
CREATE FUNCTION chaos.note_bounced() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos.bounced
    SELECT e.entry_id, e.message_id, e.recipient, m.sender
    FROM entered e
    JOIN mailroom.spooled_message m USING (message_id)
    WHERE e.status = 'bounced';
    RETURN NULL;
END
$$;
CREATE TRIGGER chaos_note_bounced AFTER INSERT ON mailroom.queue_entry
    REFERENCING NEW TABLE AS entered FOR EACH STATEMENT EXECUTE FUNCTION chaos.note_bounced();

-- name: remove_schedules
DELETE FROM mailroom.schedule;

-- name: add_schedule
-- Its anchor lies far back, so that it has nominal times also where the clock goes back; none from before it was
-- enabled fires.
INSERT INTO mailroom.schedule (name, args, every, starts_at, catch_up)
VALUES (%(name)s, %(args)s, %(every)s, now() - interval '1 day', 'all');

-- name: end_schedules
UPDATE mailroom.schedule SET expires_after = now();

-- name: subscribe_everybody
-- Every run mails, with or without rows, so that each has something to be lost.
UPDATE mailroom.subscription SET emails_list = %(recipients)s, send_empty = true;

-- name: subscribe
UPDATE mailroom.subscription SET emails_list = %(recipients)s WHERE name = %(name)s;

-- name: loaded
SELECT (SELECT count(*) FROM chaos.bounced), (SELECT count(*) FROM mailroom.queue_entry WHERE status = 'bounced');
