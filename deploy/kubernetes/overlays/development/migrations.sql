-- The first of the scripts a new server runs, as its superuser, in the database `mailroom`.
\set migrations_password `cat /run/secrets/postgresql/migrations_password`
CREATE ROLE mailroom_migrations LOGIN PASSWORD :'migrations_password';
ALTER DATABASE mailroom OWNER TO mailroom_migrations;
