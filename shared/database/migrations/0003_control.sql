-- depends: 0002_bounce_queue
-- Control: what is due, what ran, who gets it, and what was mailed.

CREATE TABLE schedule (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE CHECK (name <> ''),
    task            text NOT NULL DEFAULT 'report.run' CHECK (task IN ('report.run')),
    args            jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(args) = 'object'),
    crontab         text,
    every           interval CHECK (every >= interval '1 second'),
    time_zone       text NOT NULL DEFAULT 'UTC',
    enabled         boolean NOT NULL DEFAULT true,
    one_off         boolean NOT NULL DEFAULT false,
    starts_at       timestamptz,
    expires_after   timestamptz,
    catch_up        text NOT NULL DEFAULT 'latest' CHECK (catch_up IN ('skip', 'latest', 'all')),
    last_nominal_at timestamptz,
    run_count       bigint NOT NULL DEFAULT 0,
    description     text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    enabled_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedule_has_one_rhythm CHECK (num_nonnulls(crontab, every) = 1)
);
COMMENT ON TABLE schedule IS 'What the scheduler publishes, and when.';
COMMENT ON COLUMN schedule.args IS 'For report.run: {"reports": [names]} and anything the reports take.';
COMMENT ON COLUMN schedule.crontab IS 'Five fields, read in time_zone, with Debian cron''s daylight-saving rules.';
COMMENT ON COLUMN schedule.every IS 'Nominal times are starts_at (or created_at) plus whole multiples of this.';
COMMENT ON COLUMN schedule.one_off IS 'Fires once, then is disabled.';
COMMENT ON COLUMN schedule.expires_after IS 'No firing has a nominal time after this.';
COMMENT ON COLUMN schedule.catch_up IS 'What happens to nominal times missed while no scheduler ran: skip them, fire the latest, or all within a bound.';
COMMENT ON COLUMN schedule.enabled_at IS 'Nominal times before this do not fire, so that enabling a schedule does not fire it at once.';

CREATE FUNCTION schedule_note_enabling() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.enabled AND NOT OLD.enabled THEN
        NEW.enabled_at := now();
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER schedule_note_enabling BEFORE UPDATE ON schedule
    FOR EACH ROW EXECUTE FUNCTION schedule_note_enabling();

CREATE TABLE firing (
    schedule     text NOT NULL REFERENCES schedule (name) ON UPDATE CASCADE ON DELETE CASCADE,
    nominal_at   timestamptz NOT NULL,
    claimed_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    PRIMARY KEY (schedule, nominal_at)
);
CREATE INDEX firing_unpublished ON firing (claimed_at) WHERE published_at IS NULL;
COMMENT ON TABLE firing IS 'One row per schedule and nominal time; inserting it is the claim.';
COMMENT ON COLUMN firing.published_at IS 'NULL until the broker confirmed every command of the firing; any scheduler publishes an old unpublished one again.';

CREATE TABLE report_run (
    run_id        uuid PRIMARY KEY,
    report        text NOT NULL,
    scope         jsonb,
    nominal_at    timestamptz NOT NULL,
    schedule      text,
    parent_run_id uuid REFERENCES report_run,
    requested_by  text NOT NULL DEFAULT 'schedule' CHECK (requested_by IN ('schedule', 'operator')),
    args          jsonb NOT NULL DEFAULT '{}',
    state         text NOT NULL DEFAULT 'scheduled'
                  CHECK (state IN ('scheduled', 'running', 'fanned-out', 'sent', 'empty', 'skipped', 'failed')),
    reason        text,
    row_count     bigint,
    csv_sha256    text,
    csv_bytes     bigint,
    mail_bytes    bigint,
    mail_id       text,
    error         text,
    attempts      integer NOT NULL DEFAULT 0,
    leased_until  timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz
);
CREATE INDEX report_run_created ON report_run (created_at);
CREATE INDEX report_run_report ON report_run (report, nominal_at);
CREATE INDEX report_run_firing ON report_run (schedule, nominal_at);
CREATE INDEX report_run_parent ON report_run (parent_run_id);
COMMENT ON TABLE report_run IS 'The run ledger: one row per report, scope and nominal time, written before its command is published.';
COMMENT ON COLUMN report_run.scope IS 'NULL, {"bot": name} or {"site": name}.';
COMMENT ON COLUMN report_run.parent_run_id IS 'The run that fanned out into this one.';
COMMENT ON COLUMN report_run.reason IS 'Why a run was skipped, or sent nothing.';
COMMENT ON COLUMN report_run.csv_sha256 IS 'Of the CSV before compression; the same run executed twice gives the same.';

CREATE TABLE subscription (
    id                      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name                    text NOT NULL UNIQUE CHECK (name <> ''),
    enabled                 boolean NOT NULL DEFAULT true,
    emails_list             text NOT NULL DEFAULT '',
    from_email              text NOT NULL,
    template_name           text NOT NULL DEFAULT 'report',
    email_subject           text NOT NULL DEFAULT '',
    alternate_email_subject text NOT NULL DEFAULT '',
    columns                 text NOT NULL DEFAULT '',
    tags                    text NOT NULL DEFAULT '',
    mute_until              timestamptz,
    send_empty              boolean,
    attachment              text NOT NULL DEFAULT 'csv' CHECK (attachment IN ('csv', 'xlsx', 'none')),
    notes                   text,
    updated_at              timestamptz NOT NULL DEFAULT now(),
    updated_by              text
);
COMMENT ON TABLE subscription IS 'Who gets a report, from whom, and how it is worded.';
COMMENT ON COLUMN subscription.emails_list IS 'Comma-separated addresses, display names allowed.';
COMMENT ON COLUMN subscription.email_subject IS 'Core of the subject; empty: the report''s own wording.';
COMMENT ON COLUMN subscription.alternate_email_subject IS 'Wording when there are no rows; empty: the report''s own.';
COMMENT ON COLUMN subscription.columns IS 'Comma-separated column names in order; empty: the report''s own columns.';
COMMENT ON COLUMN subscription.tags IS 'Comma-separated; each stands in brackets at the head of the subject.';
COMMENT ON COLUMN subscription.send_empty IS 'Whether a report without rows is mailed; NULL: the report decides with exchange__empty_alerts.';

CREATE TABLE preference (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    section text NOT NULL,
    name    text NOT NULL,
    value   text NOT NULL,
    UNIQUE (section, name)
);
COMMENT ON TABLE preference IS 'What an operator tunes without a restart; section__name is the key in documents and on the command line.';

CREATE TABLE mail_body (
    mail_id    text PRIMARY KEY,
    content    bytea NOT NULL,
    size       bigint NOT NULL,
    sha256     text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE mail_body ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE mail_body IS 'Mails too large for the broker; mail/1 carries a message_ref to them.';

CREATE TABLE mail_delivery (
    mail_id         text NOT NULL,
    recipient       text NOT NULL,
    kind            text NOT NULL,
    mail_from       text NOT NULL,
    state           text NOT NULL CHECK (state IN ('attempting', 'delivered', 'deferred', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    in_doubt        integer NOT NULL DEFAULT 0,
    leased_until    timestamptz,
    smtp_status     integer,
    enhanced_status text,
    reply           text,
    remote_mta      text,
    first_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    PRIMARY KEY (mail_id, recipient)
) WITH (fillfactor = 70);
CREATE INDEX mail_delivery_open ON mail_delivery (leased_until) WHERE state = 'attempting';
CREATE INDEX mail_delivery_in_doubt ON mail_delivery (last_attempt_at) WHERE in_doubt > 0;
COMMENT ON TABLE mail_delivery IS 'The delivery ledger: one row per mail and envelope recipient; the relay drops what it already delivered.';
COMMENT ON COLUMN mail_delivery.in_doubt IS 'How many attempts ended without anybody knowing whether the server had accepted the mail (RFC 1047).';
COMMENT ON COLUMN mail_delivery.leased_until IS 'An attempt still open after this belonged to a relay that died.';
