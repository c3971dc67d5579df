-- name: lock_migrations
-- Held by the one process that migrates; a session lock, so that it ends with the process that holds it.
SELECT pg_advisory_lock(hashtext('mailroom migrations'));

-- name: create_roles
-- Group roles without login, named after the database because roles belong to the whole cluster:
--   <database>_owner    owns the schema; migrations and the command line act as it
--   <database>_worker   what the services may do
--   <database>_reports  reads monitoring data, nothing else; report queries run as it
--   <database>_console  what the web console may do; owns the schema console, where its logins are
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['owner', 'worker', 'reports', 'console'] LOOP
        role_name := current_database() || '_' || role_name;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', role_name, current_user);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role_name);
    END LOOP;
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS mailroom AUTHORIZATION %I', current_database() || '_owner');
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS console AUTHORIZATION %I', current_database() || '_console');
    EXECUTE format('GRANT %I TO %I', current_database() || '_reports', current_database() || '_worker');
    EXECUTE format('GRANT %I TO %I', current_database() || '_reports', current_database() || '_console');
END
$$;

-- name: grant_privileges
-- Run after every migration, so that a new table has no privileges that are not listed here.
DO $$
DECLARE
    worker text := current_database() || '_worker';
    reports text := current_database() || '_reports';
    console text := current_database() || '_console';
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA mailroom TO %I, %I, %I', worker, reports, console);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA mailroom FROM %I, %I, %I', worker, reports, console);
    EXECUTE format(
        'GRANT SELECT ON mailroom.site, mailroom.bot, mailroom.bot_event, mailroom.bot_message,'
        ' mailroom.exchange_server, mailroom.exchange_database, mailroom.domain_pair TO %I', reports);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON mailroom.spooled_message, mailroom.queue_entry,'
        ' mailroom.bounce_quarantine, mailroom.mail_body, mailroom.delay_notice, mailroom.ndr_issued,'
        ' mailroom.ndr_held, mailroom.destination_slot, mailroom.destination_rate TO %I', worker);
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE ON mailroom.firing, mailroom.report_run, mailroom.mail_delivery,'
        ' mailroom.bounce_poll TO %I', worker);
    EXECUTE format('GRANT SELECT, INSERT ON mailroom.bounce_audit TO %I', worker);
    -- What removes old rows; partitions of events are dropped by a function that acts as the owner.
    EXECUTE format('GRANT SELECT, UPDATE ON mailroom.housekeeping TO %I', worker);
    EXECUTE format(
        'GRANT DELETE ON mailroom.firing, mailroom.report_run, mailroom.mail_delivery, mailroom.bounce_audit,'
        ' mailroom.bot_message, mailroom.bot_event_default TO %I', worker);
    EXECUTE format('GRANT SELECT ON mailroom.bot_event_default TO %I', worker);
    EXECUTE format('GRANT UPDATE (is_expired) ON mailroom.bot_event, mailroom.bot_event_default TO %I', worker);
    REVOKE ALL ON FUNCTION mailroom.prepare_event_partitions, mailroom.drop_event_partition FROM PUBLIC;
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION mailroom.prepare_event_partitions, mailroom.drop_event_partition TO %I', worker);
    EXECUTE format('GRANT SELECT, UPDATE ON mailroom.schedule TO %I', worker);
    EXECUTE format('GRANT SELECT ON mailroom.subscription, mailroom.preference TO %I', worker);
    EXECUTE format('GRANT SELECT ON mailroom._yoyo_migration TO %I, %I', worker, reports);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA mailroom TO %I, %I', worker, console);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA mailroom TO %I', console);
    EXECUTE format(
        'GRANT INSERT, UPDATE, DELETE ON mailroom.schedule, mailroom.subscription, mailroom.preference,'
        ' mailroom.site, mailroom.bot, mailroom.exchange_server, mailroom.exchange_database,'
        ' mailroom.domain_pair, mailroom.queue_entry, mailroom.bounce_quarantine, mailroom.spooled_message'
        ' TO %I', console);
    EXECUTE format('GRANT INSERT, UPDATE ON mailroom.report_run TO %I', console);
    EXECUTE format('GRANT INSERT ON mailroom.bounce_audit, mailroom.mail_body TO %I', console);
    EXECUTE format('GRANT UPDATE ON mailroom.mail_delivery TO %I', console);
END
$$;
