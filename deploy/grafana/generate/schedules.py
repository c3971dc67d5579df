"""When schedules were due and fired, of which more than one dashboard tells."""

#: deploy/prometheus/rules/recording.yml works these out, for alerts and dashboards.
NEXT_DUE = "mailroom:schedule_next_due_timestamp_seconds:max"
LAST_DUE = "mailroom:schedule_last_due_timestamp_seconds:max"
LAST_SUCCESS = "mailroom:schedule_last_success_timestamp_seconds:max"

_MISSED = f"({LAST_DUE} > on (schedule) {LAST_SUCCESS} or {LAST_DUE} unless on (schedule) {LAST_SUCCESS})"
#: Seconds for which each enabled schedule has been due without having fired.
OVERDUE = f"time() - ({_MISSED} and on (schedule) {NEXT_DUE})"
