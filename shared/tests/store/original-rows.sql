INSERT INTO health_checks (deployment_id, commit_sha, build_id, health_status, response_time_ms, error_rate,
    availability, endpoint, checks_passed, checks_failed)
VALUES ('DEPLOY', '1111111111111111111111111111111111111111', 7, 'healthy', 120, 0.5, 99.9,
    'https://shop.example/health', '["up"]', '[]');
INSERT INTO deployments (deployment_id, commit_sha, build_id, status)
VALUES ('DEPLOY', '1111111111111111111111111111111111111111', 7, 'success');
INSERT INTO progressive_deployments (deployment_id, commit_sha, build_id, stage, traffic_percentage, status)
VALUES ('DEPLOY', '1111111111111111111111111111111111111111', 7, 1, 10, 'passed');
INSERT INTO version_markers (marker_name, commit_sha)
VALUES ('MARKER', '1111111111111111111111111111111111111111');
