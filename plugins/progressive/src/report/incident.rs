//! What the incident says of an ending: why, what was done, what was not, and who must do what.

use jiff::Timestamp;
use shared::exit::Exit;
use shared::incident::{Incident, Key, Task};
use shared::intent::Part;
use shared::policy::Severity;
use shared::record::Subject;
use shared::tick::Tick;

use super::{lines, told, verdict};
use crate::rollout::{Ending, Plan, Reach, State, Way};

const ON_CALL: &str = "whoever is on call";

/// What is known at an ending.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Whose deployment it is: this run's, or that of a dead one.
    pub subject: &'a Subject,
    /// What was planned.
    pub plan: &'a Plan,
    /// What became of it.
    pub state: &'a State,
    /// The ending.
    pub ending: &'a Ending,
    /// How bad it is.
    pub severity: Severity,
    /// When.
    pub at: Timestamp,
    /// The last version known to be good.
    pub stable: Option<&'a str>,
    /// All looks at the new version.
    pub seen: &'a [Tick],
    /// What the log said.
    pub timeline: &'a [String],
    /// Names and addresses.
    pub links: &'a [(String, String)],
}

/// The incident; `masked` hides secrets.
pub fn incident(about: &About, masked: impl Fn(&str) -> String) -> Incident {
    let (subject, ending) = (about.subject, about.ending);
    let exit = told::expected_exit(ending);
    let all = |texts: Vec<String>| texts.iter().map(|text| masked(text)).collect();
    let mut facts = stages(about);
    facts.extend(about.stable.map(|stable| {
        (
            "last version known to be good".to_owned(),
            stable.to_owned(),
        )
    }));
    Incident {
        key: key(subject),
        note: note(ending).to_owned(),
        plugin: told::PLUGIN.to_owned(),
        title: told::title(verdict::word(ending, exit), subject),
        severity: about.severity,
        what: masked(&what(about, exit)),
        at: about.at,
        commit: subject.commit.clone(),
        reasons: all(ending.cause.why()),
        facts,
        charts: told::charts(about.seen, &about.plan.rules.thresholds),
        timeline: about.timeline.to_vec(),
        done: done(about),
        not_done: all(not_done(about)),
        tasks: tasks(about, exit),
        links: about.links.to_vec(),
    }
}

/// Which incident it is.
pub fn key(subject: &Subject) -> Key {
    Key {
        repo: subject.repo.clone(),
        environment: subject.environment.clone(),
        deployment: subject.deployment_id.clone(),
    }
}

/// Which of the things that can be told of one deployment this is.
fn note(ending: &Ending) -> &'static str {
    match ending.way {
        _ if ending.is_stuck() => "stuck",
        Way::Hold | Way::Leave => "held",
        Way::Back | Way::Nothing | Way::Accept => "rollback",
    }
}

fn what(about: &About, exit: Exit) -> String {
    let word = verdict::word(about.ending, exit).to_lowercase();
    let why = about.ending.cause.why();
    let why = why.first().map_or("", String::as_str);
    let traffic = verdict::traffic(about.plan, about.state, about.ending);
    let traffic = traffic.unwrap_or_else(|| "never moved".to_owned());
    let environment = &about.subject.environment;
    format!("{word} in {environment}: {why}. Traffic: {traffic}")
}

fn stages(about: &About) -> Vec<(String, String)> {
    let limits = &about.plan.rules.thresholds;
    let results = about.state.results.iter();
    let line = |summary| lines::figures(summary, limits);
    results
        .map(|one| (format!("stage {} ({})", one.number, one.share), line(one)))
        .collect()
}

fn done(about: &About) -> Vec<String> {
    let has = |part| about.state.intent.done.contains(&part);
    let share = about.state.share;
    let share = share.map_or("its old share".to_owned(), |share| share.to_string());
    let holds = about.ending.cause.blames_version() && about.subject.commit.is_some();
    let environment = &about.subject.environment;
    [
        has(Part::Traffic).then(|| format!("traffic is put back: the canary has {share}")),
        has(Part::Script).then(|| "the script's or webhook's rollback has run".to_owned()),
        has(Part::Record).then(|| "the records are written".to_owned()),
        (has(Part::Record) && holds).then(|| {
            format!("the commit is held: deploying it to {environment} again ends with exit code 5")
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn not_done(about: &About) -> Vec<String> {
    let ending = about.ending;
    let stays = match ending.way {
        Way::Hold | Way::Leave | Way::Accept => {
            verdict::traffic(about.plan, about.state, ending).map(|text| format!("traffic: {text}"))
        }
        Way::Back | Way::Nothing => None,
    };
    let branch = about.subject.commit.is_some().then(|| {
        "the branch: it still has the commit, which this plugin never touches; plugin-rollback does"
            .to_owned()
    });
    let failed = ending.failed.iter().map(ToString::to_string);
    failed.chain(stays).chain(branch).collect()
}

fn tasks(about: &About, exit: Exit) -> Vec<Task> {
    let task = |who: &str, what: String| Task {
        who: who.to_owned(),
        what,
    };
    let ending = about.ending;
    let failed = ending.failed.iter();
    let by_hand = failed.map(|part| task(ON_CALL, format!("see to what is not done: {part}")));
    let next = verdict::next(ending, exit).map(|next| task(ON_CALL, next.to_owned()));
    let is_back = about.state.reach >= Reach::Written && note(ending) == "rollback";
    let look = is_back.then(|| {
        let what = "make sure that the version which has the traffic now is well";
        task(ON_CALL, what.to_owned())
    });
    let author = ending.cause.blames_version().then(|| {
        let what = "find out why this version is bad, before it is deployed again";
        task("whoever made the change", what.to_owned())
    });
    let environment = &about.subject.environment;
    let close = task(
        ON_CALL,
        format!(
            "close this when all is well; the next rollout to {environment} that passes does so by itself"
        ),
    );
    by_hand
        .chain(next)
        .chain(look)
        .chain(author)
        .chain([close])
        .collect()
}

#[cfg(test)]
mod tests {
    use shared::reason::Reason;
    use shared::split::Share;

    use super::*;
    use crate::report::standing::tests::stopped;
    use crate::rollout::{Cause, Place, Task as Undone, some_plan};
    use crate::stage::Rule;

    fn subject() -> Subject {
        Subject {
            repo: "acme/shop".to_owned(),
            environment: "production".to_owned(),
            deployment_id: "d1".to_owned(),
            commit: Some("c0ffee1".to_owned()),
            build_id: None,
        }
    }

    /// The incident of a version that was bad in its second stage.
    fn of(change: impl Fn(&mut Ending, &mut State)) -> Incident {
        let (plan, subject) = (some_plan(), subject());
        let (mut state, mut ending) = (State::new(&plan), stopped());
        state.reach = Reach::Written;
        state.share = Some(Share::NONE);
        state.intent.mark(Part::Traffic);
        state.intent.mark(Part::Record);
        ending.way = Way::Back;
        ending.cause = Cause::Bad {
            place: Place::Stage {
                number: 2,
                share: Share::new(25).unwrap(),
            },
            rule: Rule::InARow,
            reasons: vec![Reason::Body {
                detail: "hunter2 for 5 %".to_owned(),
            }],
        };
        change(&mut ending, &mut state);
        let about = About {
            subject: &subject,
            plan: &plan,
            state: &state,
            ending: &ending,
            severity: Severity::Critical,
            at: Timestamp::UNIX_EPOCH,
            stable: Some("badc0de"),
            seen: &[],
            timeline: &["10:00:00Z stage 1".to_owned()],
            links: &[],
        };
        incident(&about, |text| text.replace("hunter2", "***"))
    }

    #[test]
    fn it_says_why_what_is_done_and_what_is_not_and_no_secret() {
        let incident = of(|_, _| {});
        assert_eq!(incident.title, "rollout rolled back: acme/shop production");
        assert_eq!(
            incident.what,
            "rolled back in production: stage 2 (25 %): too many failures in a row. Traffic: put back, the canary has 0 %"
        );
        assert_eq!(incident.reasons.len(), 2);
        assert!(incident.reasons[1].contains("*** for 5 %"), "{incident:?}");
        assert_eq!(incident.note, "rollback");
        assert_eq!(incident.done[0], "traffic is put back: the canary has 0 %");
        assert!(
            incident.done[2].starts_with("the commit is held"),
            "{incident:?}"
        );
        assert_eq!(incident.not_done.len(), 1);
        let good = (
            "last version known to be good".to_owned(),
            "badc0de".to_owned(),
        );
        assert_eq!(incident.facts, [good]);
        let who: Vec<&str> = incident
            .tasks
            .iter()
            .map(|task| task.who.as_str())
            .collect();
        assert_eq!(who, [ON_CALL, ON_CALL, "whoever made the change", ON_CALL]);
    }

    #[test]
    fn what_could_not_be_done_is_a_task_and_another_note() {
        let incident = of(|ending, state| {
            state.intent.done.clear();
            ending.failed = vec![Undone::Restore, Undone::Script];
        });
        assert_eq!(incident.note, "stuck");
        assert_eq!(incident.title, "rollout stuck: acme/shop production");
        assert_eq!(incident.done, [""; 0]);
        assert_eq!(
            incident.not_done[..2],
            ["putting traffic back", "the script's rollback"]
        );
        assert!(incident.tasks[0].what.ends_with("putting traffic back"));
    }

    #[test]
    fn what_is_held_says_where_the_traffic_is() {
        let incident = of(|ending, state| {
            state.share = Share::new(25);
            state.intent.done.clear();
            ending.way = Way::Hold;
        });
        assert_eq!(incident.note, "held");
        assert!(
            incident
                .what
                .ends_with("left as it is, the canary has 25 %")
        );
        assert_eq!(
            incident.not_done[0],
            "traffic: left as it is, the canary has 25 %"
        );
    }

    #[test]
    fn what_was_bad_before_its_first_share_moved_no_traffic() {
        let incident = of(|ending, state| {
            state.reach = Reach::Begun;
            state.intent.done.clear();
            ending.way = Way::Nothing;
        });
        assert!(
            incident.what.ends_with("Traffic: never moved"),
            "{incident:?}"
        );
    }
}
