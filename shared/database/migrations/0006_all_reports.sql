-- depends: 0005_ndr_policy
-- The other reports of the seed: their subscriptions, their schedules, and what an operator tunes them with.

INSERT INTO subscription (name, emails_list, from_email)
SELECT name, 'exchange-administrators@example.com', 'mailroom@example.com'
FROM unnest(ARRAY[
    'Exchange Send Receive By Bot', 'Exchange Failed Send Receive By Bot', 'Exchange Servers No Receive',
    'Exchange Servers No Connection', 'Exchange Servers Not Seen', 'Exchange Databases Not Seen']) AS name;

INSERT INTO schedule (name, args, crontab, time_zone, description) VALUES
    ('Exchange report failed email verification between domains', '{"reports": ["broken-domain-pairs"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Domain pairs whose mail is not delivered.'),
    ('Exchange report verification not executed', '{"reports": ["unverified-domain-pairs"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Domain pairs not verified for longer than the reporting interval.'),
    ('Exchange send receive by bot report', '{"reports": ["events-by-bot", "failed-events-by-bot"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Send and receive events of each enabled bot, and the failed ones.'),
    ('No receive exchange servers report', '{"reports": ["no-receive-servers"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Exchange servers that have received nothing for longer than the reporting interval.'),
    ('No connect exchange servers report', '{"reports": ["no-connect-servers"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Exchange servers nobody has connected to for longer than the reporting interval.'),
    ('Dead exchange servers report', '{"reports": ["dead-servers"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Exchange servers that have served no request for longer than the reporting interval.'),
    ('Dead exchange databases report', '{"reports": ["dead-databases"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Exchange databases not accessed for longer than the reporting interval.');

-- What stands in the database is what an operator set; the rest of Mail Collector's preferences, by its names,
-- with its defaults, and ours beside them. Kinds, labels and help: services/report_worker/preferences.py.
INSERT INTO preference (section, name, value) VALUES
    ('exchange', 'default_level', 'WARNING'),
    ('exchange', 'failure_quiet', '4h'),
    ('exchange', 'expire_events', '36h'),
    ('exchange', 'charts', 'false'),
    ('exchange', 'host_tag', 'false'),
    ('exchange', 'delete_expired', 'true'),
    ('exchange', 'source', 'BorgExchangeMonitor'),
    ('exchange', 'server_warn', '2h'),
    ('exchange', 'server_error', '6h'),
    ('exchange', 'bot_warn', '2h'),
    ('exchange', 'bot_error', '6h'),
    ('exchange', 'default_error', '2h'),
    ('exchange', 'nil_duration', '0ms')
ON CONFLICT (section, name) DO NOTHING;

-- A failed run asks whether an earlier one of the same report told the owners.
CREATE INDEX report_run_failure_notice ON report_run (report) WHERE mail_id LIKE 'report-failure.%';

COMMENT ON COLUMN report_run.args IS 'What the schedule passed on; once the run began, with the interval of its window.';
COMMENT ON COLUMN report_run.mail_id IS 'Of the mail; report-failure.<run_id> when it is the notice that the report could not be made.';
COMMENT ON COLUMN subscription.columns IS 'Comma-separated column names in order; empty, or naming one that a report does not have: the report''s own columns.';
COMMENT ON COLUMN subscription.template_name IS 'There is one template: report.';
COMMENT ON COLUMN subscription.attachment IS 'csv, xlsx or none; what is too large for a mail goes down the ladder: zipped CSV, then left out.';
