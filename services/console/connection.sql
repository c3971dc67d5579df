-- name: act_as_owner
-- An operator's login acts as the owner where it may, for one transaction; a narrower login acts as itself.
SELECT set_config('role', current_database() || '_owner', true)
WHERE EXISTS (
    SELECT FROM pg_roles
    WHERE rolname = current_database() || '_owner' AND pg_has_role(session_user, oid, 'MEMBER')
);
