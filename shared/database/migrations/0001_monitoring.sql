-- Monitoring data: what the Exchange bots observed. Reports read it; the sample loader and the collectors write it.

CREATE TABLE site (
    name    text PRIMARY KEY CHECK (name <> ''),
    enabled boolean NOT NULL DEFAULT true,
    notes   text
);
COMMENT ON TABLE site IS 'A place where bots watch Exchange; a disabled site is left out of the by-site reports.';

CREATE TABLE bot (
    host_name  text PRIMARY KEY CHECK (host_name <> ''),
    site       text REFERENCES site ON UPDATE CASCADE ON DELETE SET NULL,
    ip_address inet,
    enabled    boolean NOT NULL DEFAULT true,
    last_seen  timestamptz
);
CREATE INDEX bot_site ON bot (site);
COMMENT ON TABLE bot IS 'A host that sends and receives test mails; it appears with its first event, without a site.';
COMMENT ON COLUMN bot.last_seen IS 'When its last event was registered.';

CREATE TABLE bot_event (
    uuid           uuid NOT NULL DEFAULT gen_random_uuid(),
    bot            text NOT NULL REFERENCES bot ON UPDATE CASCADE,
    event_group_id text NOT NULL,
    status         text NOT NULL CHECK (status IN ('PASS', 'FAIL')),
    type           text NOT NULL CHECK (type IN ('configuration', 'connection', 'create', 'send', 'receive')),
    mail_account   text,
    message        text,
    exception      text,
    body           text,
    registered_on  timestamptz NOT NULL DEFAULT now(),
    is_expired     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (uuid, registered_on)
) PARTITION BY RANGE (registered_on);
-- The reports ask for one bot's events of a window.
CREATE INDEX bot_event_bot_registered_on ON bot_event (bot, registered_on);
COMMENT ON TABLE bot_event IS 'One observation of a bot; partitioned by month, so that retention is a partition drop.';
COMMENT ON COLUMN bot_event.event_group_id IS 'One run of a bot: site+host+local time (the original''s wm_id).';
COMMENT ON COLUMN bot_event.body IS 'The raw event as received; never part of a report.';

CREATE TABLE bot_event_default PARTITION OF bot_event DEFAULT;
COMMENT ON TABLE bot_event_default IS 'Catches events outside every monthly partition, so that no insert fails.';

CREATE FUNCTION ensure_event_partitions(first_day timestamptz, last_day timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month_start timestamptz := date_trunc('month', first_day AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    created integer := 0;
    partition_name text;
BEGIN
    WHILE month_start <= last_day LOOP
        partition_name := 'bot_event_' || to_char(month_start AT TIME ZONE 'UTC', 'YYYY_MM');
        IF to_regclass('mailroom.' || partition_name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE mailroom.%I PARTITION OF mailroom.bot_event FOR VALUES FROM (%L) TO (%L)',
                partition_name, month_start, month_start + interval '1 month');
            created := created + 1;
        END IF;
        month_start := month_start + interval '1 month';
    END LOOP;
    RETURN created;
END
$$;
COMMENT ON FUNCTION ensure_event_partitions IS 'Creates the missing monthly partitions (UTC months) between two moments; returns how many.';

CREATE TABLE bot_message (
    event         uuid PRIMARY KEY,
    identifier    text NOT NULL,
    sent_from     text,
    sent_to       text,
    received_from text,
    received_by   text,
    created       timestamptz,
    sent          timestamptz,
    received      timestamptz
);
CREATE INDEX bot_message_identifier ON bot_message (identifier);
COMMENT ON TABLE bot_message IS 'The mail of a send or receive event.';
COMMENT ON COLUMN bot_message.event IS 'bot_event.uuid; no foreign key, because a partitioned table cannot have a key without its partition column.';
COMMENT ON COLUMN bot_message.identifier IS 'Shared by the send event and the receive event of one test mail.';

CREATE TABLE exchange_server (
    name              text PRIMARY KEY CHECK (name <> ''),
    enabled           boolean NOT NULL DEFAULT true,
    last_connection   timestamptz,
    last_send         timestamptz,
    last_inbox_access timestamptz,
    last_seen         timestamptz
);
COMMENT ON TABLE exchange_server IS 'An Exchange server and when it last served each kind of request; NULL means never, which the reports list too.';
COMMENT ON COLUMN exchange_server.last_seen IS 'Last request of any kind; set by events only, never by an edit.';

CREATE TABLE exchange_database (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL CHECK (name <> ''),
    server      text NOT NULL REFERENCES exchange_server ON UPDATE CASCADE ON DELETE CASCADE,
    enabled     boolean NOT NULL DEFAULT true,
    last_access timestamptz,
    UNIQUE (server, name)
);
COMMENT ON TABLE exchange_database IS 'A mailbox database; names repeat across servers, so (server, name) is its identity.';

CREATE TABLE domain_pair (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site          text REFERENCES site ON UPDATE CASCADE ON DELETE CASCADE,
    from_domain   text NOT NULL,
    to_domain     text NOT NULL,
    status        text NOT NULL CHECK (status IN ('PASS', 'FAIL')),
    last_verified timestamptz,
    enabled       boolean NOT NULL DEFAULT true,
    is_expired    boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (site, from_domain, to_domain)
);
COMMENT ON TABLE domain_pair IS 'Whether mail from one domain reaches another, as seen from a site.';
COMMENT ON COLUMN domain_pair.is_expired IS 'Set by an operator to take a pair out of the reports for good.';
