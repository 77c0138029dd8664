//! The sections of the file, key by key. The doc comments are what editors show, through the JSON Schema.

use std::time::Duration;

use crate::secret::Secret;

use super::freeze::{Freeze, FreezeKind};
use super::gate::{Gate, GateKind};
use super::kind::{
    Chance, Correlation, Count, CountAboveZero, Factor, Flag, Percentage, PercentageWithin,
    ResponseTime, RuntimeApis, Seconds, SecondsAboveZero, Text, Webhook, WorkspaceFile,
};
use super::reader::{List, section};
use super::stage::{Stage, StageKind};
use super::word::{Finish, Method, Severity};

section! {
    /// What the three deployment-safety plugins do, and when: one file per repository. Settings of a step win over
    /// this file. A duration is written as 90, 90s, 5m or 1h30m (a bare number is seconds), a response time as
    /// 2000, 2000ms or 2s (a bare number is milliseconds), a percentage as 5 or 5%.
    pub struct Policy {
        /// Beyond these limits a deployment is bad: the gate fails, a rollout puts traffic back.
        rollback_thresholds: RollbackThresholds as RollbackThresholds,
        /// Limits in two steps: warnings notify, critical ones act as the rollback thresholds do.
        alert_thresholds: AlertThresholds as AlertThresholds,
        /// How the service is probed.
        health_checks: HealthChecks as HealthChecks,
        /// How traffic moves to a new version.
        progressive_deployment: ProgressiveDeployment as ProgressiveDeployment,
        /// How far back the recorded checks are looked at.
        monitoring_windows: MonitoringWindows as MonitoringWindows,
        /// What is opened when a deployment was bad.
        incident_management: IncidentManagement as IncidentManagement,
        /// Times in which nothing is deployed. Going back is always allowed.
        freeze: Vec<Freeze> as List<FreezeKind>,
        /// How much evidence a decision takes.
        analysis: Analysis as Analysis,
        /// What goes beyond limits and stages.
        advanced: Advanced as Advanced,
    }
}

section! {
    /// Beyond these limits a deployment is bad.
    pub struct RollbackThresholds {
        /// Failed requests in per cent of all, at most. Default 5.
        error_rate: Option<f64> as Percentage,
        /// Per cent of time the service is up, at least. Default 99.
        availability: Option<f64> as Percentage,
        /// Time to answer, at most; a bare number is milliseconds. Default 2000.
        response_time: Option<Duration> as ResponseTime,
        /// This many failed checks in a row within the failure window are a failure. Default 3.
        consecutive_failures: Option<u32> as CountAboveZero,
        /// The window for consecutive failures. Default 60s.
        failure_window: Option<Duration> as SecondsAboveZero,
    }
}

section! {
    /// Limits in two steps.
    pub struct AlertThresholds {
        /// Beyond these limits people are told, and the step still passes.
        warning: MetricLimits as MetricLimits,
        /// As the rollback thresholds; where both give a limit, the stricter one counts.
        critical: MetricLimits as MetricLimits,
    }
}

section! {
    /// A limit for each metric.
    pub struct MetricLimits {
        /// Failed requests in per cent of all, at most. The default for warnings is 3.
        error_rate: Option<f64> as Percentage,
        /// Per cent of time the service is up, at least. The default for warnings is 99.5.
        availability: Option<f64> as Percentage,
        /// Time to answer, at most; a bare number is milliseconds. The default for warnings is 1500.
        response_time: Option<Duration> as ResponseTime,
    }
}

section! {
    /// How the service is probed.
    pub struct HealthChecks {
        /// The time from one probe to the next. Default 30s.
        interval: Option<Duration> as SecondsAboveZero,
        /// The time an answer may take before the probe counts as failed. Default 10s.
        timeout: Option<Duration> as SecondsAboveZero,
        /// How often a failed check is tried again; 0 is never. Default 3.
        max_retries: Option<u32> as Count,
        /// The wait before the first probe, when the step waits for the service at all; 0 is none. Default 30s.
        initial_delay: Option<Duration> as Seconds,
        /// Fields without which an answer counts as failed, such as `status` or `error_rate`.
        required_fields: Vec<String> as List<Text>,
    }
}

section! {
    /// How traffic moves to a new version.
    pub struct ProgressiveDeployment {
        /// Whether traffic moves in stages; if not, it moves in one, at 100 %, and is judged all the same. Default
        /// true.
        enabled: Option<bool> as Flag,
        /// The shares of traffic the new version gets one after the other; they rise, and the last is 100. Default 10,
        /// 25, 50, 100.
        stages: Vec<Stage> as List<StageKind>,
        /// Whether a bad version loses its traffic at once; if not, traffic stays for a person to decide. Default true.
        auto_rollback_on_failure: Option<bool> as Flag,
        /// The shortest time a stage may be watched: a shorter `wait_time` is refused.
        min_wait_time: Option<Duration> as Seconds,
        /// The longest time a stage may be watched, with its extensions: a longer `wait_time` is refused.
        max_wait_time: Option<Duration> as SecondsAboveZero,
    }
}

section! {
    /// How far back the recorded checks are looked at. Each window is at least as long as the one before.
    pub struct MonitoringWindows {
        /// What is happening now. Default 5m.
        short_term: Option<Duration> as SecondsAboveZero,
        /// The trend. Default 30m.
        medium_term: Option<Duration> as SecondsAboveZero,
        /// What is usual here: a new version without a baseline beside it is compared with it. Default 24h.
        long_term: Option<Duration> as SecondsAboveZero,
    }
}

section! {
    /// What is opened when a deployment was bad.
    pub struct IncidentManagement {
        /// Whether an issue is opened. Default true where there is a forge token.
        create_issue: Option<bool> as Flag,
        /// Labels of the issue. Default automated, rollback and severity:LEVEL.
        labels: Vec<String> as List<Text>,
        /// Accounts the issue is assigned to.
        assignees: Vec<String> as List<Text>,
        /// A file in the workspace that the issue's text is made from.
        template: Option<String> as WorkspaceFile,
        /// How bad it is.
        severity: Option<Severity> as Severity,
    }
}

section! {
    /// How much evidence a decision takes, where requests are counted.
    pub struct Analysis {
        /// The chance that a version which is no worse than allowed is rolled back by evidence, over the whole rollout.
        /// Default 0.01.
        alpha: Option<f64> as Chance,
        /// The chance that a version whose error rate is `p_max` or more is passed for good. Default 0.05.
        beta: Option<f64> as Chance,
        /// How many times the error rate of the version beside it is still allowed. Default 1.
        allowed_factor: Option<f64> as Factor,
        /// How much the failures of one time go together: 0 where each request fails by itself, 0.02 where failures come
        /// in bursts (the intraclass correlation). Default 0.02.
        icc: Option<f64> as Correlation,
        /// With fewer samples than this a stage is inconclusive. Default 3.
        min_samples: Option<u32> as CountAboveZero,
        /// The error rate in per cent that a version must be shown to stay below before a stage passes, where requests
        /// are counted; it takes about 300 / `p_max` requests without a failure. Without it nothing has to be shown.
        p_max: Option<f64> as PercentageWithin,
        /// Requests slower than this count as slow, and slow ones are weighed beside the old version's, where the source
        /// can tell them; a bare number is milliseconds.
        latency_limit: Option<Duration> as ResponseTime,
    }
}

section! {
    /// What goes beyond limits and stages.
    pub struct Advanced {
        /// Numbers of the build or of the metrics source that must lie within bounds before anything is deployed.
        quality_gates: Vec<Gate> as List<GateKind>,
        /// How a side that loses its traffic is given time.
        graceful_shutdown: GracefulShutdown as GracefulShutdown,
        /// Feature flags that go with a deployment.
        feature_flags: FeatureFlags as FeatureFlags,
        /// Two pools that take turns.
        blue_green: BlueGreen as BlueGreen,
        /// What moves the traffic.
        traffic_splitting: TrafficSplitting as TrafficSplitting,
    }
}

section! {
    /// How a side that loses its traffic is given time.
    pub struct GracefulShutdown {
        /// The longest wait for open requests to end on a side that gets no new ones; 0 is none.
        drain_time: Option<Duration> as Seconds,
    }
}

section! {
    /// Feature flags that go with a deployment.
    pub struct FeatureFlags {
        /// An address that is told when traffic moves and when it is put back, to switch flags by.
        webhook: Option<Secret> as Webhook,
    }
}

section! {
    /// Two pools that take turns: the one that carries the traffic is the stable side of the next rollout.
    pub struct BlueGreen {
        /// Whether pools take turns: the finish is then a swap. Stages still apply; switch `progressive_deployment` off
        /// to move all traffic at once. Default false.
        enabled: Option<bool> as Flag,
        /// How long the new pool is watched at 100 %, with the old one kept ready, before it counts as good; 0 is not
        /// at all. Default 0.02.
        soak: Option<Duration> as Seconds,
    }
}

section! {
    /// What moves the traffic.
    pub struct TrafficSplitting {
        /// The means: haproxy, script, webhook, or none (stages are watched only).
        method: Option<Method> as Method,
        /// Where HAProxy's runtime API listens, one or a list: /path/to.sock, tcp://host:port or
        /// tls://host:port.
        haproxy_address: Vec<String> as RuntimeApis,
        /// The backend that holds both sides.
        haproxy_backend: Option<String> as Text,
        /// The server of the version that is live.
        stable_server: Option<String> as Text,
        /// The server of the new version.
        canary_server: Option<String> as Text,
        /// Two servers that take turns, instead of a stable and a canary one.
        pools: Vec<String> as List<Text>,
        /// What becomes of the traffic after the last stage. Default promote with a deployment script or webhook, swap
        /// with pools.
        finish: Option<Finish> as Finish,
    }
}
