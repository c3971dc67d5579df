SELECT message.identifier, message.sent_from, message.sent_to, message.received_from, message.received_by,
       event.bot AS host_name, event.type AS event_type, event.status AS event_status, event.registered_on
FROM mailroom.bot_event AS event
JOIN mailroom.bot_message AS message ON message.event = event.uuid
WHERE event.bot = %(bot)s
  AND event.type IN ('send', 'receive') AND NOT event.is_expired AND event.status = 'FAIL'
  AND event.registered_on >= %(nominal_at)s - %(interval)s AND event.registered_on < %(nominal_at)s
ORDER BY event.registered_on, message.identifier, event.type DESC, event.uuid
