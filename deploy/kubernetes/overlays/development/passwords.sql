-- The last of the scripts a new server runs: roles.sql has made the logins.
\set service_password `cat /run/secrets/postgresql/service_password`
\set queries_password `cat /run/secrets/postgresql/queries_password`
\set web_password `cat /run/secrets/postgresql/web_password`
ALTER ROLE mailroom_service PASSWORD :'service_password';
ALTER ROLE mailroom_queries PASSWORD :'queries_password';
ALTER ROLE mailroom_web PASSWORD :'web_password';
