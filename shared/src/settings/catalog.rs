//! Every setting of every plugin, once: flags, `--help`, the table in each `docs.md`, the recognition of a misspelt
//! name and of a sibling's setting all read from here.

/// One of the three plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plugin {
    /// `plugin-health`
    Health,
    /// `plugin-progressive`
    Progressive,
    /// `plugin-rollback`
    Rollback,
}

impl Plugin {
    /// The binary's and the image's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "plugin-health",
            Self::Progressive => "plugin-progressive",
            Self::Rollback => "plugin-rollback",
        }
    }
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// In `snake_case`, as under `settings:`.
    pub name: &'static str,
    /// The plugins that know it.
    pub plugins: &'static [Plugin],
    /// What holds when it is not set, as a person reads it; empty for nothing.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// The plain variables that the original system read, first one first.
    pub plain: &'static [&'static str],
    /// The `CI_*` variables that it falls back to, first one first.
    pub ci: &'static [&'static str],
    /// The key of the policy file that it overrides; empty for none.
    pub policy: &'static str,
    /// Whether its value may hold a secret: then it is never echoed.
    pub secret: bool,
    /// Whether the flag can stand without a value, which means `true`.
    pub switch: bool,
}

impl Setting {
    /// The variable that Woodpecker makes of it.
    pub fn variable(&self) -> String {
        format!("PLUGIN_{}", self.name.to_ascii_uppercase())
    }

    /// The flag, without the dashes before it.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    const fn plain(mut self, names: &'static [&'static str]) -> Self {
        self.plain = names;
        self
    }

    const fn ci(mut self, names: &'static [&'static str]) -> Self {
        self.ci = names;
        self
    }

    const fn policy(mut self, key: &'static str) -> Self {
        self.policy = key;
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn switch(mut self) -> Self {
        self.switch = true;
        self
    }
}

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    CATALOG.iter().find(|setting| setting.name == name)
}

/// The settings of one plugin, in the order of the catalog.
pub fn of(plugin: Plugin) -> impl Iterator<Item = &'static Setting> {
    CATALOG
        .iter()
        .filter(move |setting| setting.plugins.contains(&plugin))
}

const fn set(
    plugins: &'static [Plugin],
    name: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        name,
        plugins,
        default,
        help,
        plain: &[],
        ci: &[],
        policy: "",
        secret: false,
        switch: false,
    }
}

use Plugin::{Health, Progressive, Rollback};
const ALL: &[Plugin] = &[Health, Progressive, Rollback];
const PROBING: &[Plugin] = &[Health, Progressive, Rollback];
const JUDGING: &[Plugin] = &[Health, Progressive];
const HEALTH: &[Plugin] = &[Health];
const PROGRESSIVE: &[Plugin] = &[Progressive];
const ROLLBACK: &[Plugin] = &[Rollback];
const LOOKING: &[Plugin] = &[Health, Rollback];
const MOVING: &[Plugin] = &[Progressive, Rollback];

/// All settings.
#[rustfmt::skip]
pub const CATALOG: &[Setting] = &[
    // Whose deployment it is.
    set(ALL, "environment", "`production`", "The environment deployed to; records, markers and policy sections are kept by it")
        .ci(&["CI_PIPELINE_DEPLOY_TARGET"]),
    set(ALL, "deployment_id", "repo, environment and pipeline number", "Names the deployment, the same in every step of a pipeline; at most 100 characters")
        .plain(&["DEPLOYMENT_ID"]),
    set(ALL, "commit", "the pipeline's commit", "The commit that is deployed, in full")
        .plain(&["COMMIT_SHA"]).ci(&["CI_COMMIT_SHA"]),
    set(ALL, "build_id", "the pipeline's number", "The number of the build in the records")
        .plain(&["BUILD_ID"]).ci(&["CI_PIPELINE_NUMBER"]),
    set(ALL, "repo", "the pipeline's repository", "The repository as `owner/name`")
        .plain(&["GITHUB_REPO"]).ci(&["CI_REPO"]),
    set(ALL, "policy", "`deployment-policy.yaml` if there is one", "The policy file, relative to the workspace"),
    // What is probed.
    set(PROBING, "endpoint", "", "What to probe: one address or a list, `https://`, `http://` or `tcp://host:port`")
        .plain(&["HEALTH_ENDPOINT"]).secret(),
    set(JUDGING, "method", "`GET`", "The HTTP method: `GET`, `HEAD`, `POST` or `OPTIONS`"),
    set(JUDGING, "headers", "", "Headers to send, a map of names to values; for a bearer token `Authorization: Bearer …`")
        .secret(),
    set(JUDGING, "expected_status", "`200-299`", "Statuses that are right, such as `200,204` or `200-299`"),
    set(JUDGING, "expected_body", "", "A text that the body must hold, or a map of JSON pointers to the values expected there"),
    set(JUDGING, "required_fields", "", "Fields that the answer must have: a list of names or JSON pointers")
        .policy("health_checks.required_fields"),
    set(JUDGING, "expect_version", "", "The version that must answer; a commit may be shortened to 7 digits or more"),
    set(JUDGING, "version_field", "`version`", "The field, or JSON pointer, in which the answer names its version"),
    set(JUDGING, "max_age", "off", "How old the answer's `timestamp` may be"),
    set(JUDGING, "metrics_endpoint", "", "A JSON document of the same shape as the health answer, or a Prometheus server")
        .plain(&["METRICS_ENDPOINT"]).secret(),
    set(JUDGING, "metrics_type", "`prometheus` when a query is set, else `json`", "What `metrics_endpoint` is: `json` or `prometheus`"),
    set(JUDGING, "query_error_rate", "", "PromQL for the error rate in per cent; one series"),
    set(JUDGING, "query_availability", "", "PromQL for the availability in per cent; one series"),
    set(JUDGING, "query_response_time", "", "PromQL for the response time in milliseconds; one series"),
    set(JUDGING, "integrity_endpoint", "", "Probed for data integrity beside the others: one failure of it is critical and is not retried")
        .secret(),
    set(JUDGING, "timeout", "`10s`", "The time limit of one probe, from the name look-up to the last byte")
        .policy("health_checks.timeout"),
    // What it is held against.
    set(JUDGING, "threshold_error_rate", "`5%`", "Fails above this error rate")
        .policy("rollback_thresholds.error_rate"),
    set(JUDGING, "threshold_availability", "`99%`", "Fails below this availability")
        .policy("rollback_thresholds.availability"),
    set(JUDGING, "threshold_response_time", "`2000` (ms)", "Fails above this response time; a bare number is milliseconds")
        .policy("rollback_thresholds.response_time"),
    set(JUDGING, "warning_error_rate", "`3%`", "Warns above this error rate")
        .policy("alert_thresholds.warning.error_rate"),
    set(JUDGING, "warning_availability", "`99.5%`", "Warns below this availability")
        .policy("alert_thresholds.warning.availability"),
    set(JUDGING, "warning_response_time", "`1500` (ms)", "Warns above this response time; a bare number is milliseconds")
        .policy("alert_thresholds.warning.response_time"),
    set(JUDGING, "consecutive_failures", "`3`", "Fails when this many attempts in a row fail within `failure_window`")
        .policy("rollback_thresholds.consecutive_failures"),
    set(JUDGING, "failure_window", "`60s`", "The window for `consecutive_failures`, from the first attempt's start to the last one's")
        .policy("rollback_thresholds.failure_window"),
    // When.
    set(JUDGING, "interval", "`30s`", "The time between probes; after a failure the next one comes after at most 10s")
        .policy("health_checks.interval"),
    set(JUDGING, "retries", "`3`", "Further attempts after a failed check; `0` for none")
        .policy("health_checks.max_retries"),
    set(JUDGING, "initial_delay", "`30s`, at most a tenth of `max_wait` or `watch`", "The time before the first probe when waiting or watching; `0` for none")
        .policy("health_checks.initial_delay"),
    set(JUDGING, "healthy_threshold", "`1`", "Good answers in a row that end the waiting"),
    set(LOOKING, "wait", "`false`", "Probe until the service answers well, at most for `max_wait`; with `strategy: redeploy` wait for the redeployment to end").switch(),
    set(LOOKING, "max_wait", "`5m`", "How long to wait in all, the initial delay included; exit code 124 after it"),
    set(LOOKING, "watch", "off; `5m` after a rollback", "Observe for this long and judge the whole of it; after `wait` if both are set"),
    set(HEALTH, "final", "`false`", "The last check of a deployment: records it as `success` (or `unverified`) and moves the `last-stable` marker").switch(),
    set(HEALTH, "summary", "`false`", "No probe: tell how the deployment went, from the records").switch(),
    set(HEALTH, "on_failure", "`fail`", "`fail`, or `warn` to let the step succeed whatever the verdict is"),
    // How traffic moves.
    set(PROGRESSIVE, "stages", "`10,25,50,100`", "The percentages of traffic, or a list of `{percentage, wait_time}`")
        .policy("progressive_deployment.stages"),
    set(PROGRESSIVE, "wait_time", "`5m`", "How long each stage is observed"),
    set(PROGRESSIVE, "canary_endpoint", "", "The new version's own address; with `pools` that of the second pool, which keeps it when they exchange their places").secret(),
    set(PROGRESSIVE, "baseline_endpoint", "", "The old version's own address; with `pools` that of the first pool").secret(),
    set(PROGRESSIVE, "min_samples", "`3`", "The least number of samples without which a stage is inconclusive: looks, or requests of the canary where it has no endpoint of its own")
        .policy("analysis.min_samples"),
    set(PROGRESSIVE, "alpha", "`0.01`", "The chance that a version which is no worse than allowed is rolled back by evidence, over the whole rollout")
        .policy("analysis.alpha"),
    set(PROGRESSIVE, "allowed_factor", "`1`", "How many times the error rate of the version beside it is still allowed")
        .policy("analysis.allowed_factor"),
    set(PROGRESSIVE, "p_max", "", "The error rate that the new version must be shown to stay below before a stage passes, where requests are counted")
        .policy("analysis.p_max"),
    set(PROGRESSIVE, "latency_limit", "", "Requests slower than this count as slow and are weighed beside the old version's, where they can be told; a bare number is milliseconds")
        .policy("analysis.latency_limit"),
    set(PROGRESSIVE, "count_by", "`auto`", "Who counts requests: `traffic` (HAProxy), `prometheus`, `answers` (their `requests_total` and `errors_total`), `probes` (many at each look) or `none`; `auto` takes the counters that are named, else HAProxy's, and probes where the canary has no address of its own"),
    set(PROGRESSIVE, "query_requests", "", "The counter of all requests in Prometheus, as a selector with `$side` for the side: `http_requests_total{track=\"$side\"}`; no `rate()`, no `sum()`"),
    set(PROGRESSIVE, "query_failed", "", "The counter of failed requests, as `query_requests`: `http_requests_total{track=\"$side\",code=~\"5..\"}`"),
    set(PROGRESSIVE, "query_fast", "", "The counter of requests that were fast enough, such as a histogram's bucket: `http_request_duration_seconds_bucket{track=\"$side\",le=\"0.5\"}`; the others are slow"),
    set(PROGRESSIVE, "metrics_sides", "`stable,canary`; with pools their names", "What `$side` stands for: the stable side's label value, then the canary's"),
    set(PROGRESSIVE, "deadline", "50 minutes after the pipeline's start", "When the rollout has to be over"),
    set(PROGRESSIVE, "on_inconclusive", "`rollback`", "What to do when the data never suffices: `rollback`, `hold` or `promote`"),
    set(PROGRESSIVE, "soak", "`0`", "How long to observe after the last stage")
        .policy("advanced.blue_green.soak"),
    set(PROGRESSIVE, "auto_rollback_on_failure", "`true`", "Put traffic back by itself").switch()
        .policy("progressive_deployment.auto_rollback_on_failure"),
    set(PROGRESSIVE, "skip_rollback", "`false`", "Leave traffic where it is on failure, and exit 4").switch(),
    set(PROGRESSIVE, "run_deploy", "`false`", "Call the script's `deploy` before the first stage").switch(),
    set(PROGRESSIVE, "settle", "`false`", "Only finish what an earlier run left").switch(),
    set(PROGRESSIVE, "settle_to", "", "`stable` or `canary`: where a share belongs about which no record speaks"),
    set(PROGRESSIVE, "replay", "", "Judge a recorded rollout again by the settings of now and touch nothing: its deployment's id, or a JSON file of its looks"),
    set(PROGRESSIVE, "traffic", "", "The traffic manager: `haproxy`, `script`, `webhook`, `none`")
        .policy("advanced.traffic_splitting.method"),
    set(MOVING, "haproxy_address", "", "HAProxy's runtime API: `/path/to.sock`, `tcp://host:port` or `tls://host:port`, one or a list")
        .policy("advanced.traffic_splitting.haproxy_address"),
    set(MOVING, "haproxy_certificate", "", "The certificate shown to a `tls://` runtime API: PEM, or a file in the workspace; the authority that it is checked against is in `ca_certificate`")
        .secret(),
    set(MOVING, "haproxy_key", "", "The key of `haproxy_certificate`, without a password: PEM, or a file in the workspace")
        .secret(),
    set(PROGRESSIVE, "haproxy_backend", "", "The backend that holds both servers")
        .policy("advanced.traffic_splitting.haproxy_backend"),
    set(PROGRESSIVE, "stable_server", "", "The server of the old version")
        .policy("advanced.traffic_splitting.stable_server"),
    set(PROGRESSIVE, "canary_server", "", "The server of the new version")
        .policy("advanced.traffic_splitting.canary_server"),
    set(MOVING, "pools", "", "Two pools that take turns, such as `blue,green`")
        .policy("advanced.traffic_splitting.pools"),
    set(PROGRESSIVE, "finish", "`promote` with a script or webhook, `swap` with pools", "`promote`, `swap` or `stay`")
        .policy("advanced.traffic_splitting.finish"),
    // What is gone back to.
    set(ROLLBACK, "previous_commit", "the last version known to be good", "What to go back to"),
    set(ROLLBACK, "reason", "", "Why, for the records and the incident"),
    set(ROLLBACK, "strategy", "`auto`", "`auto`, `reset`, `restore`, `pull-request`, `redeploy` or `none`"),
    set(ROLLBACK, "branch", "the pipeline's branch", "The branch to put back").ci(&["CI_COMMIT_BRANCH"]),
    set(ROLLBACK, "remote", "the repository's clone address", "Where to push").ci(&["CI_REPO_CLONE_URL"]).secret(),
    set(ROLLBACK, "git_username", "", "The login for `remote`"),
    set(ROLLBACK, "git_password", "", "The password or token for `remote`").secret(),
    set(ROLLBACK, "ssh_key", "", "The private key for `remote`").secret(),
    set(ROLLBACK, "ssh_known_hosts", "", "The host keys to trust"),
    set(ROLLBACK, "force", "`false`", "Answers the confirmation prompt").switch(),
    set(MOVING, "override", "", "Guards to lift, a list: `hold`, `freeze`, `irreversible`, `moved-branch`"),
    set(ROLLBACK, "marker", "`database`", "Where the marker is kept: `database` or `git`"),
    set(ROLLBACK, "mark", "`false`", "Move the git marker to this commit").switch(),
    set(ROLLBACK, "irreversible_paths", "database migrations", "Paths whose changes cannot be rolled back"),
    set(MOVING, "create_issue", "`true`", "Open an incident at the forge when something is put back or left to a person; needs `forge_token`").switch().policy("incident_management.create_issue"),
    set(MOVING, "issue_labels", "`automated,rollback,severity:<level>`", "The incident's labels").policy("incident_management.labels"),
    set(MOVING, "issue_assignees", "", "Whom the incident is assigned to").policy("incident_management.assignees"),
    set(MOVING, "issue_template", "", "The incident's text: a file in the workspace with places such as `{{reasons}}`").policy("incident_management.template"),
    set(ROLLBACK, "woodpecker_url", "", "Woodpecker's address, for `strategy: redeploy`").ci(&["CI_SYSTEM_URL"]),
    set(ROLLBACK, "woodpecker_token", "", "Woodpecker's token").secret(),
    set(ROLLBACK, "ci_skip", "on for `restore`", "Write `[CI SKIP]` into the commit, so that a rollback does not deploy twice").switch(),
    // What the deployment needs.
    set(ALL, "deployment_script", "", "The script that deploys; a preflight checks that it is there and executable")
        .plain(&["DEPLOYMENT_SCRIPT"]),
    set(MOVING, "deployment_webhook", "", "The script's twin: an address that is called instead").secret(),
    set(MOVING, "script_env", "", "What the script finds in its environment, a map").secret(),
    // Where it is written down.
    set(ALL, "database_url", "", "PostgreSQL for records and history: `postgres://user:password@host/name?sslmode=verify-full`")
        .plain(&["DATABASE_URL"]).secret(),
    set(ALL, "journal", "`.deployment/journal.jsonl` in the workspace", "The file that keeps what the database could not take"),
    set(ALL, "report_file", "", "Writes the report to this file: `.html`, `.md` or `.json`"),
    // Who is told.
    set(ALL, "notify_on", "`warning,failure`; with `summary` all", "When to tell people: a list of `success`, `warning`, `failure`, or `never`"),
    set(ALL, "slack_webhook_url", "", "Slack's (or Mattermost's) incoming webhook").plain(&["SLACK_WEBHOOK_URL"]).secret(),
    set(ALL, "smtp_server", "", "The mail server").plain(&["SMTP_SERVER"]),
    set(ALL, "smtp_port", "`587`; `465` with implicit TLS, `25` without TLS", "The mail server's port"),
    set(ALL, "smtp_username", "", "The login for the mail server"),
    set(ALL, "smtp_password", "", "The password for the mail server").secret(),
    set(ALL, "smtp_tls", "`starttls`", "`starttls`, `implicit` or `none`"),
    set(ALL, "email_from", "", "The sender's address").plain(&["EMAIL_FROM"]),
    set(ALL, "email_to", "", "The receivers' addresses, a list"),
    set(ALL, "webhook_url", "", "An address that gets the message as JSON").secret(),
    set(ALL, "webhook_secret", "", "Signs the message: `X-Signature-256` is HMAC-SHA256 over the body").secret(),
    set(ALL, "pagerduty_routing_key", "", "PagerDuty's integration key (Events API v2): a failure triggers an incident of the deployment, a later success or warning resolves it").secret(),
    set(ALL, "pagerduty_url", "`https://events.pagerduty.com/v2/enqueue`", "PagerDuty's address, where yours is another service region's"),
    set(ALL, "alertmanager_url", "", "Alertmanager's address: a failure raises the alert `DeploymentFailed`, a later success or warning ends it").secret(),
    // The forge.
    set(ALL, "forge_token", "", "The forge's token; it has to write commit statuses, and issues where incidents are opened").plain(&["GITHUB_TOKEN"]).secret(),
    set(ALL, "forge_type", "the pipeline's forge", "`github`, `forgejo`, `gitea` or `gitlab`").ci(&["CI_FORGE_TYPE"]),
    set(ALL, "forge_url", "the pipeline's forge", "The forge's address").ci(&["CI_FORGE_URL"]),
    set(ALL, "commit_status", "`false`", "Set the commit's status at the forge; needs `forge_token`").switch(),
    set(ALL, "status_context", "the plugin's name", "The name of the commit's status"),
    set(ROLLBACK, "forge_deployment", "`false`", "Record the rollback as a deployment at the forge; on GitHub that starts a pipeline where Woodpecker may run deployments").switch(),
    // How it runs.
    set(ALL, "ca_certificate", "", "A file with certificates to trust beside the system's, for HTTPS, mail and database"),
    set(ALL, "preflight", "`false`", "Only check that everything needed is there; before a deploy step it records the deployment as `started`").switch(),
    set(ALL, "dry_run", "`false`", "Look and judge, but write and tell nothing; `record` writes the rows of the checks").switch(),
    set(ALL, "log_level", "`info`", "`error`, `warn`, `info` or `debug`"),
    set(ALL, "verbose", "`false`", "The same as `log_level: debug`").switch(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_once_and_in_snake_case() {
        for (place, setting) in CATALOG.iter().enumerate() {
            assert!(
                setting
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '_'),
                "{}",
                setting.name
            );
            assert!(
                !CATALOG[..place]
                    .iter()
                    .any(|other| other.name == setting.name),
                "{}",
                setting.name
            );
            assert!(
                !setting.help.is_empty() && !setting.help.ends_with('.'),
                "{}",
                setting.name
            );
        }
    }
}
