-- name: may_create
-- A sandbox makes a database, and its migrations make roles.
SELECT rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user;

-- name: create_database
-- template0, unless another is wanted: unlike template1, nobody can be connected to it, which would make this fail.
CREATE DATABASE {database} TEMPLATE {template} ENCODING 'UTF8';

-- name: drop_database
-- FORCE ends the connections that are still open.
DROP DATABASE IF EXISTS {database} WITH (FORCE);

-- name: roles_of_database
-- Migrations name their roles after the database: roles belong to the whole server and survive it.
SELECT rolname FROM pg_roles WHERE starts_with(rolname, %(database)s || '_') ORDER BY rolname;

-- name: drop_role
DROP ROLE IF EXISTS {role};
