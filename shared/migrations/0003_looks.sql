-- Every look of a rollout: what was counted, and all that was seen, to be judged again.
-- Nothing that an older plugin version knows is changed. It may run again over its own result.

-- The counts are those since the look before, so that a sum over rows is a sum over time.
-- json and not jsonb: what is judged again has to be what was seen, to the last digit.
CREATE TABLE IF NOT EXISTS deployment_looks (
    id bigserial PRIMARY KEY,
    repo text NOT NULL,
    environment varchar(50) NOT NULL,
    deployment_id varchar(100) NOT NULL,
    commit_sha varchar(64),
    build_id integer,
    deployment_type varchar(20) NOT NULL DEFAULT 'standard',
    stage integer NOT NULL,
    what varchar(20) NOT NULL,
    number integer NOT NULL,
    traffic_percentage integer,
    source text,
    stable_requests bigint,
    stable_failed bigint,
    stable_slow bigint,
    canary_requests bigint,
    canary_failed bigint,
    canary_slow bigint,
    seen json NOT NULL,
    recorded_at timestamptz NOT NULL,
    record_key text UNIQUE NOT NULL,
    plugin_version text
);
CREATE INDEX IF NOT EXISTS deployment_looks_subject
    ON deployment_looks (repo, environment, deployment_id);
CREATE INDEX IF NOT EXISTS deployment_looks_recent
    ON deployment_looks (repo, environment, recorded_at) WHERE stable_requests > 0;
