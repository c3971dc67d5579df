-- depends: 0003_control
-- What Mail Collector promised out of the box: schedules, subscriptions and preferences of the reports there are.

INSERT INTO preference (section, name, value) VALUES
    ('exchange', 'report_interval', '12h'),
    ('exchange', 'report_level', 'INFO'),
    ('exchange', 'empty_alerts', 'false'),
    ('exchange', 'reports_enabled', 'true');

INSERT INTO subscription (name, emails_list, from_email, email_subject, alternate_email_subject) VALUES
    ('Mail Verification Report', 'exchange-administrators@example.com', 'mailroom@example.com', '', ''),
    ('Exchange Servers No Send', 'exchange-administrators@example.com', 'mailroom@example.com', '', ''),
    ('Exchange Send Receive By Site', 'exchange-administrators@example.com', 'mailroom@example.com', '', ''),
    ('Exchange Failed Send Receive By Site', 'exchange-administrators@example.com', 'mailroom@example.com', '', '');

INSERT INTO schedule (name, args, crontab, time_zone, description) VALUES
    ('Exchange report all email verification between domains', '{"reports": ["all-domain-pairs"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'The status of mail delivery between all domain pairs.'),
    ('No send exchange servers report', '{"reports": ["no-send-servers"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Exchange servers that have sent nothing for longer than the reporting interval.'),
    ('Exchange send receive by site report', '{"reports": ["events-by-site", "failed-events-by-site"]}',
     '45 7,15,23 * * *', 'America/Vancouver', 'Send and receive events of each enabled site, and the failed ones.');
