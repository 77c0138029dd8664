-- The original system's tables, and what many repositories in one database need. A database that the original system
-- made is upgraded in place: no row is lost, and plain inserts as it made them still work.
-- It may run again over its own result.

CREATE TABLE IF NOT EXISTS health_checks (
    id serial PRIMARY KEY,
    deployment_id varchar(100),
    commit_sha varchar(40),
    build_id integer,
    health_status varchar(20) NOT NULL,
    response_time_ms integer,
    error_rate numeric(5,2),
    availability numeric(5,2),
    endpoint text,
    threshold_error_rate numeric(5,2) DEFAULT 5.0,
    threshold_response_time integer DEFAULT 2000,
    threshold_availability numeric(5,2) DEFAULT 99.0,
    checks_passed jsonb,
    checks_failed jsonb,
    timestamp timestamp DEFAULT now()
);

CREATE TABLE IF NOT EXISTS deployments (
    id serial PRIMARY KEY,
    deployment_id varchar(100) UNIQUE NOT NULL,
    commit_sha varchar(40) NOT NULL,
    previous_commit varchar(40),
    build_id integer,
    status varchar(20) NOT NULL,
    deployment_type varchar(20) DEFAULT 'standard',
    environment varchar(50) DEFAULT 'production',
    rollback_from_commit varchar(40),
    rollback_reason text,
    timestamp timestamp DEFAULT now()
);

CREATE TABLE IF NOT EXISTS progressive_deployments (
    id serial PRIMARY KEY,
    deployment_id varchar(100) NOT NULL,
    commit_sha varchar(40),
    build_id integer,
    stage integer NOT NULL,
    traffic_percentage integer NOT NULL,
    status varchar(20) NOT NULL,
    error_rate numeric(5,2),
    availability numeric(5,2),
    response_time_ms integer,
    started_at timestamp DEFAULT now(),
    completed_at timestamp,
    rollback_triggered boolean DEFAULT false,
    rollback_reason text
);

CREATE TABLE IF NOT EXISTS version_markers (
    marker_name varchar(50) PRIMARY KEY,
    commit_sha varchar(40) NOT NULL,
    updated_at timestamp DEFAULT now()
);

-- Columns with a constant default, or none, are added without rewriting the table.
-- recorded_at is when it happened, with its zone; rows of the original system have none and are counted nowhere.
-- record_key is what makes a record arrive once, however often it is delivered.
ALTER TABLE health_checks
    ADD COLUMN IF NOT EXISTS repo text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS environment varchar(50) NOT NULL DEFAULT 'production',
    ADD COLUMN IF NOT EXISTS mode varchar(20),
    ADD COLUMN IF NOT EXISTS record_key text,
    ADD COLUMN IF NOT EXISTS recorded_at timestamptz,
    ADD COLUMN IF NOT EXISTS plugin_version text;

ALTER TABLE deployments
    ADD COLUMN IF NOT EXISTS repo text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS record_key text,
    ADD COLUMN IF NOT EXISTS recorded_at timestamptz,
    ADD COLUMN IF NOT EXISTS plugin_version text;

ALTER TABLE progressive_deployments
    ADD COLUMN IF NOT EXISTS repo text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS environment varchar(50) NOT NULL DEFAULT 'production',
    ADD COLUMN IF NOT EXISTS record_key text,
    ADD COLUMN IF NOT EXISTS recorded_at timestamptz,
    ADD COLUMN IF NOT EXISTS plugin_version text;

ALTER TABLE version_markers
    ADD COLUMN IF NOT EXISTS repo text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS environment varchar(50) NOT NULL DEFAULT 'production',
    ADD COLUMN IF NOT EXISTS record_key text,
    ADD COLUMN IF NOT EXISTS recorded_at timestamptz,
    ADD COLUMN IF NOT EXISTS plugin_version text;

-- Commits of SHA-256 repositories have 64 digits. A longer varchar rewrites nothing. A view that shows the column
-- forbids the change; then it stays as it is, which serves every SHA-1 repository.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT attrelid::regclass AS relation, attname AS name
        FROM pg_attribute
        WHERE attrelid IN ('health_checks'::regclass, 'deployments'::regclass,
                           'progressive_deployments'::regclass, 'version_markers'::regclass)
          AND attname IN ('commit_sha', 'previous_commit', 'rollback_from_commit')
          AND atttypid = 'varchar'::regtype
          -- The declared length plus four; -1 when there is none.
          AND atttypmod BETWEEN 4 AND 67
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I TYPE varchar(64)', old.relation, old.name);
        EXCEPTION WHEN feature_not_supported THEN
            RAISE NOTICE 'column % of % stays as it is: %', old.name, old.relation, SQLERRM;
        END;
    END LOOP;
END
$$;

-- Whatever made deployment_id and marker_name unique by themselves, under any name.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT i.indrelid::regclass AS relation, i.indexrelid::regclass AS index, c.conname AS name
        FROM pg_index i
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
        WHERE i.indisunique AND i.indnatts = 1
          AND (   i.indrelid = 'deployments'::regclass AND a.attname = 'deployment_id'
               OR i.indrelid = 'version_markers'::regclass AND a.attname = 'marker_name')
    LOOP
        IF old.name IS NULL THEN
            EXECUTE format('DROP INDEX %s', old.index);
        ELSE
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', old.relation, old.name);
        END IF;
    END LOOP;
    IF NOT EXISTS (
        SELECT FROM pg_constraint WHERE conrelid = 'version_markers'::regclass AND contype = 'p'
    ) THEN
        ALTER TABLE version_markers ADD PRIMARY KEY (repo, environment, marker_name);
    END IF;
END
$$;

CREATE UNIQUE INDEX IF NOT EXISTS deployments_subject_key
    ON deployments (repo, environment, deployment_id);

-- Partial, so that they stay small over whatever the original system left.
CREATE UNIQUE INDEX IF NOT EXISTS health_checks_record_key
    ON health_checks (record_key) WHERE record_key IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS progressive_deployments_record_key
    ON progressive_deployments (record_key) WHERE record_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS health_checks_window
    ON health_checks (repo, environment, recorded_at) WHERE recorded_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deployments_recent
    ON deployments (repo, environment, recorded_at) WHERE recorded_at IS NOT NULL;
