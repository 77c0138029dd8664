CREATE TABLE public.deployment_aborts (
    id integer NOT NULL,
    repo text NOT NULL,
    environment character varying(50) NOT NULL,
    deployment_id character varying(100) NOT NULL,
    requested_by text NOT NULL,
    pipeline_url text,
    reason text NOT NULL,
    of_token bigint,
    recorded_at timestamp with time zone NOT NULL,
    record_key text NOT NULL,
    plugin_version text
);
CREATE SEQUENCE public.deployment_aborts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deployment_aborts_id_seq OWNED BY public.deployment_aborts.id;
CREATE TABLE public.deployment_holds (
    repo text NOT NULL,
    environment character varying(50) NOT NULL,
    commit_sha character varying(64) NOT NULL,
    deployment_id character varying(100),
    reason text,
    held_at timestamp with time zone,
    lifted_at timestamp with time zone,
    lifted_by text,
    plugin_version text
);
CREATE TABLE public.deployment_leases (
    repo text NOT NULL,
    environment character varying(50) NOT NULL,
    token bigint DEFAULT 0 NOT NULL,
    deployment_id character varying(100),
    run_id text,
    pipeline_url text,
    plugin text,
    acquired_at timestamp with time zone,
    renewed_at timestamp with time zone,
    expires_at timestamp with time zone
);
CREATE TABLE public.deployment_looks (
    id bigint NOT NULL,
    repo text NOT NULL,
    environment character varying(50) NOT NULL,
    deployment_id character varying(100) NOT NULL,
    commit_sha character varying(64),
    build_id integer,
    deployment_type character varying(20) DEFAULT 'standard'::character varying NOT NULL,
    stage integer NOT NULL,
    what character varying(20) NOT NULL,
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
    recorded_at timestamp with time zone NOT NULL,
    record_key text NOT NULL,
    plugin_version text
);
CREATE SEQUENCE public.deployment_looks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deployment_looks_id_seq OWNED BY public.deployment_looks.id;
CREATE TABLE public.deployment_parts (
    repo text NOT NULL,
    environment character varying(50) NOT NULL,
    deployment_id character varying(100) NOT NULL,
    part character varying(50) NOT NULL,
    note text,
    recorded_at timestamp with time zone NOT NULL,
    record_key text,
    plugin_version text
);
CREATE TABLE public.deployment_plugin_migrations (
    version integer NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    applied_by text
);
CREATE TABLE public.deployment_rollouts (
    repo text NOT NULL,
    environment character varying(50) NOT NULL,
    deployment_id character varying(100) NOT NULL,
    commit_sha character varying(64),
    build_id integer,
    lease_token bigint NOT NULL,
    sequence bigint NOT NULL,
    state json NOT NULL,
    snapshot json,
    mark character varying(20),
    recorded_at timestamp with time zone NOT NULL,
    record_key text,
    plugin_version text
);
CREATE TABLE public.deployments (
    id integer NOT NULL,
    deployment_id character varying(100) NOT NULL,
    commit_sha character varying(64) NOT NULL,
    previous_commit character varying(64),
    build_id integer,
    status character varying(20) NOT NULL,
    deployment_type character varying(20) DEFAULT 'standard'::character varying,
    environment character varying(50) DEFAULT 'production'::character varying,
    rollback_from_commit character varying(64),
    rollback_reason text,
    "timestamp" timestamp without time zone DEFAULT now(),
    repo text DEFAULT ''::text NOT NULL,
    record_key text,
    recorded_at timestamp with time zone,
    plugin_version text
);
CREATE SEQUENCE public.deployments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deployments_id_seq OWNED BY public.deployments.id;
CREATE TABLE public.health_checks (
    id integer NOT NULL,
    deployment_id character varying(100),
    commit_sha character varying(64),
    build_id integer,
    health_status character varying(20) NOT NULL,
    response_time_ms integer,
    error_rate numeric(5,2),
    availability numeric(5,2),
    endpoint text,
    threshold_error_rate numeric(5,2) DEFAULT 5.0,
    threshold_response_time integer DEFAULT 2000,
    threshold_availability numeric(5,2) DEFAULT 99.0,
    checks_passed jsonb,
    checks_failed jsonb,
    "timestamp" timestamp without time zone DEFAULT now(),
    repo text DEFAULT ''::text NOT NULL,
    environment character varying(50) DEFAULT 'production'::character varying NOT NULL,
    mode character varying(20),
    record_key text,
    recorded_at timestamp with time zone,
    plugin_version text
);
CREATE SEQUENCE public.health_checks_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.health_checks_id_seq OWNED BY public.health_checks.id;
CREATE TABLE public.progressive_deployments (
    id integer NOT NULL,
    deployment_id character varying(100) NOT NULL,
    commit_sha character varying(64),
    build_id integer,
    stage integer NOT NULL,
    traffic_percentage integer NOT NULL,
    status character varying(20) NOT NULL,
    error_rate numeric(5,2),
    availability numeric(5,2),
    response_time_ms integer,
    started_at timestamp without time zone DEFAULT now(),
    completed_at timestamp without time zone,
    rollback_triggered boolean DEFAULT false,
    rollback_reason text,
    repo text DEFAULT ''::text NOT NULL,
    environment character varying(50) DEFAULT 'production'::character varying NOT NULL,
    record_key text,
    recorded_at timestamp with time zone,
    plugin_version text,
    deployment_type character varying(20) DEFAULT 'standard'::character varying NOT NULL,
    lease_token bigint,
    stable_requests bigint,
    stable_failed bigint,
    canary_requests bigint,
    canary_failed bigint
);
CREATE SEQUENCE public.progressive_deployments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.progressive_deployments_id_seq OWNED BY public.progressive_deployments.id;
CREATE TABLE public.version_markers (
    marker_name character varying(50) NOT NULL,
    commit_sha character varying(64) NOT NULL,
    updated_at timestamp without time zone DEFAULT now(),
    repo text DEFAULT ''::text NOT NULL,
    environment character varying(50) DEFAULT 'production'::character varying NOT NULL,
    record_key text,
    recorded_at timestamp with time zone,
    plugin_version text,
    lease_token bigint
);
ALTER TABLE ONLY public.deployment_aborts ALTER COLUMN id SET DEFAULT nextval('public.deployment_aborts_id_seq'::regclass);
ALTER TABLE ONLY public.deployment_looks ALTER COLUMN id SET DEFAULT nextval('public.deployment_looks_id_seq'::regclass);
ALTER TABLE ONLY public.deployments ALTER COLUMN id SET DEFAULT nextval('public.deployments_id_seq'::regclass);
ALTER TABLE ONLY public.health_checks ALTER COLUMN id SET DEFAULT nextval('public.health_checks_id_seq'::regclass);
ALTER TABLE ONLY public.progressive_deployments ALTER COLUMN id SET DEFAULT nextval('public.progressive_deployments_id_seq'::regclass);
INSERT INTO public.deployment_aborts (id, repo, environment, deployment_id, requested_by, pipeline_url, reason, of_token, recorded_at, record_key, plugin_version) VALUES (1, 'acme/shop', 'production', 'bad', 'plugin-rollback', 'https://ci.example/repos/7/pipeline/9', 'a person said so', 1, '2023-11-14 22:13:20+00', 'bad/1700000000000000000/26514/12/517ad7566f823a78', 'plugin-health/0.1.0');
INSERT INTO public.deployment_holds (repo, environment, commit_sha, deployment_id, reason, held_at, lifted_at, lifted_by, plugin_version) VALUES ('acme/shop', 'production', '3333333333333333333333333333333333333333', 'bad', 'error rate 7 % > 5 %', '2023-11-14 22:13:20+00', NULL, NULL, 'plugin-health/0.1.0');
INSERT INTO public.deployment_holds (repo, environment, commit_sha, deployment_id, reason, held_at, lifted_at, lifted_by, plugin_version) VALUES ('acme/shop', 'production', '4444444444444444444444444444444444444444', 'other', 'too slow', '2023-11-14 22:13:20+00', '2023-11-14 22:13:20+00', 'override: hold', 'plugin-health/0.1.0');
INSERT INTO public.deployment_leases (repo, environment, token, deployment_id, run_id, pipeline_url, plugin, acquired_at, renewed_at, expires_at) VALUES ('acme/shop', 'production', 1, NULL, 'run of good', 'https://ci.example/repos/7/pipeline/good', 'plugin-health/0.1.0', '2026-11-23 15:27:05.200179+00', '2026-11-23 15:27:05.355286+00', '2026-11-23 15:27:05.420525+00');
INSERT INTO public.deployment_looks (id, repo, environment, deployment_id, commit_sha, build_id, deployment_type, stage, what, number, traffic_percentage, source, stable_requests, stable_failed, stable_slow, canary_requests, canary_failed, canary_slow, seen, recorded_at, record_key, plugin_version) VALUES (1, 'acme/shop', 'production', 'good', '2222222222222222222222222222222222222222', 7, 'standard', 1, 'stage', 1, 10, 'haproxy', 900, 4, NULL, 100, 7, 3, '{"new":{"started":{"nanos":5,"secs":1}},"rate":0.1}', '2023-11-14 22:13:20+00', 'good/1700000000000000000/26514/5/9742407a24d85ca7', 'plugin-health/0.1.0');
INSERT INTO public.deployment_parts (repo, environment, deployment_id, part, note, recorded_at, record_key, plugin_version) VALUES ('acme/shop', 'production', 'bad', 'traffic', 'https://git.example/acme/shop/issues/12', '2023-11-14 22:13:20+00', 'bad/1700000000000000000/26514/14/2c0722e8c91aba50', 'plugin-health/0.1.0');
INSERT INTO public.deployment_parts (repo, environment, deployment_id, part, note, recorded_at, record_key, plugin_version) VALUES ('acme/shop', 'production', 'bad', 'incident', 'https://git.example/acme/shop/issues/12', '2023-11-14 22:13:20+00', 'bad/1700000000000000000/26514/15/ab08660ea5037b54', 'plugin-health/0.1.0');
INSERT INTO public.deployment_plugin_migrations (version, applied_at, applied_by) VALUES (1, '2026-11-23 15:27:05.050697+00', 'plugin-health/0.1.0');
INSERT INTO public.deployment_plugin_migrations (version, applied_at, applied_by) VALUES (2, '2026-11-23 15:27:05.050697+00', 'plugin-health/0.1.0');
INSERT INTO public.deployment_plugin_migrations (version, applied_at, applied_by) VALUES (3, '2026-11-23 15:27:05.050697+00', 'plugin-health/0.1.0');
INSERT INTO public.deployment_rollouts (repo, environment, deployment_id, commit_sha, build_id, lease_token, sequence, state, snapshot, mark, recorded_at, record_key, plugin_version) VALUES ('acme/shop', 'production', 'good', '2222222222222222222222222222222222222222', 7, 1, 2, '{"share":100}', '{"manager":"haproxy","share":0,"detail":{"weights":[100,0]}}', 'finished', '2023-11-14 22:13:20+00', 'good/1700000000000000000/26514/7/9bc30c78143187e9', 'plugin-health/0.1.0');
INSERT INTO public.deployment_rollouts (repo, environment, deployment_id, commit_sha, build_id, lease_token, sequence, state, snapshot, mark, recorded_at, record_key, plugin_version) VALUES ('acme/shop', 'production', 'bad', '3333333333333333333333333333333333333333', 7, 1, 4, '{"share":0}', '{"manager":"haproxy","share":0,"detail":{"weights":[100,0]}}', 'finished', '2023-11-14 22:13:20+00', 'bad/1700000000000000000/26514/13/546e104d34c4f099', 'plugin-health/0.1.0');
INSERT INTO public.deployments (id, deployment_id, commit_sha, previous_commit, build_id, status, deployment_type, environment, rollback_from_commit, rollback_reason, "timestamp", repo, record_key, recorded_at, plugin_version) VALUES (1, 'good', '2222222222222222222222222222222222222222', NULL, 7, 'in_progress', 'standard', 'production', NULL, NULL, '2023-11-14 22:13:22', 'acme/shop', 'good/1700000003000000000/26514/2/fe5102777ea8079b', '2023-11-14 22:13:23+00', 'plugin-health/0.1.0');
INSERT INTO public.deployments (id, deployment_id, commit_sha, previous_commit, build_id, status, deployment_type, environment, rollback_from_commit, rollback_reason, "timestamp", repo, record_key, recorded_at, plugin_version) VALUES (4, 'bad', '3333333333333333333333333333333333333333', '2222222222222222222222222222222222222222', 7, 'rolled_back', 'standard', 'production', '3333333333333333333333333333333333333333', 'error rate 7 % > 5 %', '2023-11-14 22:13:20', 'acme/shop', 'bad/1700000000000000000/26514/16/db9dd93293f142a6', '2023-11-14 22:13:20+00', 'plugin-health/0.1.0');
INSERT INTO public.health_checks (id, deployment_id, commit_sha, build_id, health_status, response_time_ms, error_rate, availability, endpoint, threshold_error_rate, threshold_response_time, threshold_availability, checks_passed, checks_failed, "timestamp", repo, environment, mode, record_key, recorded_at, plugin_version) VALUES (1, 'good', '2222222222222222222222222222222222222222', 7, 'healthy', 150, 1.50, 99.50, 'https://shop.example/health', 5.00, 2000, 99.00, '["error rate 1.5 %"]', '[]', '2023-11-14 22:13:21', 'acme/shop', 'production', 'check', 'good/1700000001000000000/26514/0/20f80dce30fe431a', '2023-11-14 22:13:21+00', 'plugin-health/0.1.0');
INSERT INTO public.progressive_deployments (id, deployment_id, commit_sha, build_id, stage, traffic_percentage, status, error_rate, availability, response_time_ms, started_at, completed_at, rollback_triggered, rollback_reason, repo, environment, record_key, recorded_at, plugin_version, deployment_type, lease_token, stable_requests, stable_failed, canary_requests, canary_failed) VALUES (1, 'good', '2222222222222222222222222222222222222222', 7, 1, 10, 'passed', 0.50, 99.50, 120, '2023-11-14 22:13:30', '2023-11-14 22:14:00', false, NULL, 'acme/shop', 'production', 'acme/shop/production/good/standard/stage 1', '2023-11-14 22:13:20+00', 'plugin-health/0.1.0', 'standard', 1, 900, 4, 100, 0);
INSERT INTO public.version_markers (marker_name, commit_sha, updated_at, repo, environment, record_key, recorded_at, plugin_version, lease_token) VALUES ('last-stable', '2222222222222222222222222222222222222222', '2023-11-14 22:13:20', 'acme/shop', 'production', 'good/1700000000000000000/26514/9/90fffed1503b9fd5', '2023-11-14 22:13:20+00', 'plugin-health/0.1.0', 1);
SELECT pg_catalog.setval('public.deployment_aborts_id_seq', 1, true);
SELECT pg_catalog.setval('public.deployment_looks_id_seq', 1, true);
SELECT pg_catalog.setval('public.deployments_id_seq', 5, true);
SELECT pg_catalog.setval('public.health_checks_id_seq', 1, true);
SELECT pg_catalog.setval('public.progressive_deployments_id_seq', 2, true);
ALTER TABLE ONLY public.deployment_aborts
    ADD CONSTRAINT deployment_aborts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.deployment_aborts
    ADD CONSTRAINT deployment_aborts_record_key_key UNIQUE (record_key);
ALTER TABLE ONLY public.deployment_holds
    ADD CONSTRAINT deployment_holds_pkey PRIMARY KEY (repo, environment, commit_sha);
ALTER TABLE ONLY public.deployment_leases
    ADD CONSTRAINT deployment_leases_pkey PRIMARY KEY (repo, environment);
ALTER TABLE ONLY public.deployment_looks
    ADD CONSTRAINT deployment_looks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.deployment_looks
    ADD CONSTRAINT deployment_looks_record_key_key UNIQUE (record_key);
ALTER TABLE ONLY public.deployment_parts
    ADD CONSTRAINT deployment_parts_pkey PRIMARY KEY (repo, environment, deployment_id, part);
ALTER TABLE ONLY public.deployment_plugin_migrations
    ADD CONSTRAINT deployment_plugin_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.deployment_rollouts
    ADD CONSTRAINT deployment_rollouts_pkey PRIMARY KEY (repo, environment, deployment_id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.health_checks
    ADD CONSTRAINT health_checks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.progressive_deployments
    ADD CONSTRAINT progressive_deployments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.version_markers
    ADD CONSTRAINT version_markers_pkey PRIMARY KEY (repo, environment, marker_name);
CREATE INDEX deployment_aborts_subject ON public.deployment_aborts USING btree (repo, environment, deployment_id);
CREATE INDEX deployment_looks_recent ON public.deployment_looks USING btree (repo, environment, recorded_at) WHERE (stable_requests > 0);
CREATE INDEX deployment_looks_subject ON public.deployment_looks USING btree (repo, environment, deployment_id);
CREATE INDEX deployment_rollouts_newest ON public.deployment_rollouts USING btree (repo, environment, lease_token, sequence);
CREATE INDEX deployments_recent ON public.deployments USING btree (repo, environment, recorded_at) WHERE (recorded_at IS NOT NULL);
CREATE UNIQUE INDEX deployments_subject_key ON public.deployments USING btree (repo, environment, deployment_id);
CREATE UNIQUE INDEX health_checks_record_key ON public.health_checks USING btree (record_key) WHERE (record_key IS NOT NULL);
CREATE INDEX health_checks_window ON public.health_checks USING btree (repo, environment, recorded_at) WHERE (recorded_at IS NOT NULL);
CREATE UNIQUE INDEX progressive_deployments_record_key ON public.progressive_deployments USING btree (record_key) WHERE (record_key IS NOT NULL);
