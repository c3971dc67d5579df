-- Logins of Mailroom, made by psql when PostgreSQL starts with an empty volume; passwords from files.
-- The group roles are made here first, so that nobody needs to be a superuser later: migrations give them their
-- rights. All names begin with that of the database, as docs/how-to/install-and-run-the-services.md has them.
\set migrations_password `cat /run/secrets/migrations_password`
\set service_password `cat /run/secrets/service_password`
\set queries_password `cat /run/secrets/queries_password`
\set web_password `cat /run/secrets/web_password`

SELECT current_database() || '_migrations' AS migrations, current_database() || '_owner' AS owner,
       current_database() || '_service' AS service, current_database() || '_worker' AS worker,
       current_database() || '_queries' AS queries, current_database() || '_reports' AS reports,
       current_database() || '_web' AS web, current_database() || '_console' AS console
\gset

CREATE ROLE :"owner" NOLOGIN;
CREATE ROLE :"worker" NOLOGIN;
CREATE ROLE :"reports" NOLOGIN;
CREATE ROLE :"console" NOLOGIN;

-- migrates, and runs the command line
CREATE ROLE :"migrations" LOGIN CREATEROLE PASSWORD :'migrations_password';
GRANT :"owner", :"worker", :"reports", :"console" TO :"migrations" WITH ADMIN OPTION;
ALTER DATABASE :"DBNAME" OWNER TO :"migrations";

-- the services, the report queries, the web console
CREATE ROLE :"service" LOGIN PASSWORD :'service_password' IN ROLE :"worker";
CREATE ROLE :"queries" LOGIN PASSWORD :'queries_password' IN ROLE :"reports";
CREATE ROLE :"web" LOGIN PASSWORD :'web_password' IN ROLE :"console";

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
