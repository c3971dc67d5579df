-- name: list
SELECT section || '__' || name, value FROM mailroom.preference;

-- name: store
INSERT INTO mailroom.preference (section, name, value) VALUES (%(section)s, %(name)s, %(value)s)
ON CONFLICT (section, name) DO UPDATE SET value = EXCLUDED.value;
