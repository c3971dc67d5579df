-- name: has_events
SELECT FROM mailroom.bot_event WHERE bot = %(bot)s LIMIT 1;
