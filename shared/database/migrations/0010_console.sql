-- What the web console keeps besides its own schema, which Django's migrations fill.
CREATE TABLE console_signing_key (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    key        text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE console_signing_key IS
    'Signs the web console''s cookies and forms, the same for all its replicas; a new key ends every login.';
-- Three random UUIDs: 366 bits from the server's strong random source, without an extension.
INSERT INTO console_signing_key (key)
VALUES (concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()));

-- The lists of the console begin with the latest.
CREATE INDEX mail_delivery_last_attempt ON mail_delivery (last_attempt_at DESC);
CREATE INDEX report_run_state ON report_run (state, created_at DESC);
