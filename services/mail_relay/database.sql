-- name: plan_as_for_a_large_ledger
-- Every statement here finds its rows by key. One plan, kept, saves as much time as the statement itself takes; but
-- a plan kept from when the ledger was empty would read all of it ever after, unless it is told not to.
SELECT set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false),
       set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false);
