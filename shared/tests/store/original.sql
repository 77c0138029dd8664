-- The tables as the original system makes them, with rows as it writes them.
CREATE TABLE health_checks (
    id SERIAL PRIMARY KEY,
    deployment_id VARCHAR(100),
    commit_sha VARCHAR(40),
    build_id INTEGER,
    health_status VARCHAR(20) NOT NULL,
    response_time_ms INTEGER,
    error_rate NUMERIC(5,2),
    availability NUMERIC(5,2),
    endpoint TEXT,
    threshold_error_rate NUMERIC(5,2) DEFAULT 5.0,
    threshold_response_time INTEGER DEFAULT 2000,
    threshold_availability NUMERIC(5,2) DEFAULT 99.0,
    checks_passed JSONB,
    checks_failed JSONB,
    timestamp TIMESTAMP DEFAULT NOW()
);
CREATE TABLE deployments (
    id SERIAL PRIMARY KEY,
    deployment_id VARCHAR(100) UNIQUE NOT NULL,
    commit_sha VARCHAR(40) NOT NULL,
    previous_commit VARCHAR(40),
    build_id INTEGER,
    status VARCHAR(20) NOT NULL,
    deployment_type VARCHAR(20) DEFAULT 'standard',
    environment VARCHAR(50) DEFAULT 'production',
    rollback_from_commit VARCHAR(40),
    rollback_reason TEXT,
    timestamp TIMESTAMP DEFAULT NOW()
);
CREATE TABLE progressive_deployments (
    id SERIAL PRIMARY KEY,
    deployment_id VARCHAR(100) NOT NULL,
    commit_sha VARCHAR(40),
    build_id INTEGER,
    stage INTEGER NOT NULL,
    traffic_percentage INTEGER NOT NULL,
    status VARCHAR(20) NOT NULL,
    error_rate NUMERIC(5,2),
    availability NUMERIC(5,2),
    response_time_ms INTEGER,
    started_at TIMESTAMP DEFAULT NOW(),
    completed_at TIMESTAMP,
    rollback_triggered BOOLEAN DEFAULT FALSE,
    rollback_reason TEXT
);
CREATE TABLE version_markers (
    marker_name VARCHAR(50) PRIMARY KEY,
    commit_sha VARCHAR(40) NOT NULL,
    updated_at TIMESTAMP DEFAULT NOW()
);
CREATE INDEX idx_health_checks_deployment ON health_checks (deployment_id);
