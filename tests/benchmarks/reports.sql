-- name: add_events
WITH added AS (
    INSERT INTO mailroom.bot_event (bot, event_group_id, status, type, mail_account, registered_on)
    SELECT %(bot)s, 'site+bot+time', CASE WHEN number %% 50 = 0 THEN 'FAIL' ELSE 'PASS' END,
           CASE WHEN number %% 2 = 0 THEN 'send' ELSE 'receive' END, 'z-spexcm001-db01001@phsa.ca',
           %(until)s - number * %(apart)s
    FROM generate_series(1, %(count)s) AS number
    RETURNING uuid, registered_on
)
INSERT INTO mailroom.bot_message (event, identifier, sent_from, sent_to, received_from, received_by, created, sent)
SELECT uuid, gen_random_uuid(), 'z-spexcm001-db01001@phsa.ca', 'z-spexcm001-db01001@phsa.ca', 'svc_bot@phsa.ca',
       'z-spexcm001-db01001@phsa.ca', registered_on, registered_on
FROM added;

-- name: add_bot
INSERT INTO mailroom.bot (host_name) VALUES (%(bot)s);

-- name: gather_statistics
VACUUM ANALYZE mailroom.bot_event, mailroom.bot_message;
