-- Run once by a superuser in the new, empty database `mailroom`, which `mailroom_migrations` owns.
--
-- The group roles are those of `mailroom db migrate`. With them there already, and the right to hand them on,
-- mailroom_migrations migrates without being able to create roles. The logins get their passwords elsewhere: until
-- then nobody can use them.
CREATE ROLE mailroom_owner NOLOGIN;
CREATE ROLE mailroom_worker NOLOGIN;
CREATE ROLE mailroom_reports NOLOGIN;
CREATE ROLE mailroom_console NOLOGIN;
GRANT mailroom_owner, mailroom_worker, mailroom_reports, mailroom_console TO mailroom_migrations WITH ADMIN OPTION;

-- the services, the report queries, the web console
CREATE ROLE mailroom_service LOGIN IN ROLE mailroom_worker;
CREATE ROLE mailroom_queries LOGIN IN ROLE mailroom_reports;
CREATE ROLE mailroom_web LOGIN IN ROLE mailroom_console;

-- Nobody else connects; `mailroom db migrate` says who does.
REVOKE ALL ON DATABASE mailroom FROM PUBLIC;
