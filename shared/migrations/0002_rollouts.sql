-- What a rollout needs: the lease, intents, done parts, abort requests, holds, and more of a stage.
-- Nothing that an older plugin version knows is changed. It may run again over its own result.

-- One row an environment, never removed: its token only grows. Nobody holds it while deployment_id is null.
-- All times are this server's.
CREATE TABLE IF NOT EXISTS deployment_leases (
    repo text NOT NULL,
    environment varchar(50) NOT NULL,
    token bigint NOT NULL DEFAULT 0,
    deployment_id varchar(100),
    run_id text,
    pipeline_url text,
    plugin text,
    acquired_at timestamptz,
    renewed_at timestamptz,
    expires_at timestamptz,
    PRIMARY KEY (repo, environment)
);

-- The state of a rollout before its latest write to the traffic. mark is null while it goes on.
-- lease_token and sequence say which of two is newer; no clock does. lease_token is 0 without a lease.
-- json and not jsonb: what is restored has to be what was written, to the last digit.
CREATE TABLE IF NOT EXISTS deployment_rollouts (
    repo text NOT NULL,
    environment varchar(50) NOT NULL,
    deployment_id varchar(100) NOT NULL,
    commit_sha varchar(64),
    build_id integer,
    lease_token bigint NOT NULL,
    sequence bigint NOT NULL,
    state json NOT NULL,
    snapshot json,
    mark varchar(20),
    recorded_at timestamptz NOT NULL,
    record_key text,
    plugin_version text,
    PRIMARY KEY (repo, environment, deployment_id)
);
CREATE INDEX IF NOT EXISTS deployment_rollouts_newest
    ON deployment_rollouts (repo, environment, lease_token, sequence);

CREATE TABLE IF NOT EXISTS deployment_parts (
    repo text NOT NULL,
    environment varchar(50) NOT NULL,
    deployment_id varchar(100) NOT NULL,
    part varchar(50) NOT NULL,
    note text,
    recorded_at timestamptz NOT NULL,
    record_key text,
    plugin_version text,
    PRIMARY KEY (repo, environment, deployment_id, part)
);

CREATE TABLE IF NOT EXISTS deployment_aborts (
    id serial PRIMARY KEY,
    repo text NOT NULL,
    environment varchar(50) NOT NULL,
    deployment_id varchar(100) NOT NULL,
    requested_by text NOT NULL,
    pipeline_url text,
    reason text NOT NULL,
    of_token bigint,
    recorded_at timestamptz NOT NULL,
    record_key text UNIQUE NOT NULL,
    plugin_version text
);
CREATE INDEX IF NOT EXISTS deployment_aborts_subject
    ON deployment_aborts (repo, environment, deployment_id);

-- Held while held_at is not before lifted_at: in whatever order a hold and its lifting arrive, they come to the same.
CREATE TABLE IF NOT EXISTS deployment_holds (
    repo text NOT NULL,
    environment varchar(50) NOT NULL,
    commit_sha varchar(64) NOT NULL,
    deployment_id varchar(100),
    reason text,
    held_at timestamptz,
    lifted_at timestamptz,
    lifted_by text,
    plugin_version text,
    PRIMARY KEY (repo, environment, commit_sha)
);

ALTER TABLE progressive_deployments
    ADD COLUMN IF NOT EXISTS deployment_type varchar(20) NOT NULL DEFAULT 'standard',
    ADD COLUMN IF NOT EXISTS lease_token bigint,
    ADD COLUMN IF NOT EXISTS stable_requests bigint,
    ADD COLUMN IF NOT EXISTS stable_failed bigint,
    ADD COLUMN IF NOT EXISTS canary_requests bigint,
    ADD COLUMN IF NOT EXISTS canary_failed bigint;

ALTER TABLE version_markers
    ADD COLUMN IF NOT EXISTS lease_token bigint;
