-- name: limit_transaction
-- A report reads, for a bounded time, in UTC; role and search_path stay the connection's own.
SELECT set_config('transaction_read_only', 'on', true),
       set_config('statement_timeout', %(milliseconds)s, true),
       set_config('TimeZone', 'UTC', true);

-- name: bots_reported
-- One look into the index for each bot, however many events there are.
SELECT EXISTS (
    SELECT FROM mailroom.bot
    CROSS JOIN LATERAL (
        SELECT FROM mailroom.bot_event AS event
        WHERE event.bot = bot.host_name AND event.registered_on >= %(start)s AND event.registered_on < %(end)s
        LIMIT 1
    ) AS any_event
    WHERE (%(site)s::text IS NULL OR bot.site = %(site)s) AND (%(bot)s::text IS NULL OR bot.host_name = %(bot)s)
);

-- name: report_csv
-- A template: psycopg puts the catalogue's query and the cells below in place of the braces.
COPY (
SELECT {cells} FROM (
{report}
) AS report
) TO STDOUT (FORMAT csv)

-- name: text_cell
-- A spreadsheet takes a cell for a formula by its first character: = + - @, their full-width forms, TAB, LF, CR.
-- An apostrophe in front makes it text. ascii() is the first character's code point, and cheap.
CASE WHEN ascii({column}::text) IN (61, 43, 45, 64, 9, 10, 13, 65309, 65291, 65293, 65312)
THEN '''' || {column}::text ELSE {column}::text END

-- name: time_cell
to_char({column}::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')

-- name: number_cell
{column}::numeric
