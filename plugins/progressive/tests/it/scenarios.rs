//! Golden scenarios: `tests/scenarios/*.txt` hold a script of facts, and beneath it the steps and the log they lead to.
//!
//! Above `----` each line is about the plan (`plan key=value …`) or the world: `looks stage2 ..x` (the last repeats),
//! `fail set 2` (`1,3`, `all`), `at 90s cancel`, `during promote 1 cancel`, `drift stage2 2 60` (at its second look the
//! share is 60 %), `unread stage1 3` (at its third look the share cannot be read), `past d0 moving:25`, `traffic 25`, `preflight frozen …`, `acquire theirs d0 …`, `incident skipped`.
//! Beneath it `>` marks a line of the log. Waits are told by the times alone.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use plugin_progressive::report::{lines, stages, verdict};
use plugin_progressive::rollout::{
    Facts, Lease, Outcome, Phase, Plan, Row, State, Step, Taken, next,
};
use plugin_progressive::stage::Look;
use shared::table::aligned;

use crate::world::{World, look, name, plan, s, share, start, watched};

mod words;

/// Longer than any scenario.
const STEPS_MAX: usize = 500;

#[derive(Default)]
struct Script {
    looks: BTreeMap<String, String>,
    drifts: Vec<(String, usize, u8)>,
    unread: Vec<(String, String)>,
    fails: Vec<(String, String)>,
    at: Vec<(u64, String)>,
    during: Vec<(String, usize, String)>,
    answers: BTreeMap<String, String>,
}

struct Player {
    plan: Plan,
    script: Script,
    world: World,
    counts: BTreeMap<String, usize>,
    told: BTreeMap<String, usize>,
    standing: Vec<String>,
    last_look: Option<Look>,
    out: String,
}

impl Player {
    fn read(text: &str) -> Self {
        let mut player = Self {
            plan: plan(),
            script: Script::default(),
            world: World::new(),
            counts: BTreeMap::new(),
            told: BTreeMap::new(),
            standing: Vec::new(),
            last_look: None,
            out: String::new(),
        };
        for line in text
            .lines()
            .filter(|l| !l.starts_with('#') && !l.is_empty())
        {
            player.line(line);
        }
        player
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let rest = |from: usize| words[from..].join(" ");
        match words[0] {
            "plan" => words[1..]
                .iter()
                .for_each(|word| words::plan(&mut self.plan, word)),
            "looks" => {
                self.script
                    .looks
                    .insert(words[1].to_owned(), words[2].to_owned());
            }
            "unread" => self
                .script
                .unread
                .push((words[1].to_owned(), words[2].to_owned())),
            "drift" => self.script.drifts.push((
                words[1].to_owned(),
                words[2].parse().unwrap(),
                words[3].parse().unwrap(),
            )),
            "fail" => self
                .script
                .fails
                .push((words[1].to_owned(), words[2].to_owned())),
            "at" => self
                .script
                .at
                .push((words::seconds(words[1]).as_secs(), rest(2))),
            "during" => {
                self.script
                    .during
                    .push((words[1].to_owned(), words[2].parse().unwrap(), rest(3)));
            }
            "past" if words[1] != "unknown" => {
                self.world.journal = Some(words::past(words[1], &words[2..]));
            }
            "traffic" if words[1].parse::<u8>().is_ok() => {
                self.world.share = share(words[1].parse().unwrap());
            }
            "past" | "traffic" | "preflight" | "acquire" | "incident" => {
                self.script.answers.insert(words[0].to_owned(), rest(1));
            }
            other => panic!("no such line: {other}"),
        }
    }

    fn play(mut self) -> String {
        let before = lines::Mark::of(&self.plan, &State::new(&self.plan));
        let (mut state, mut step) = start(&self.plan, &self.world);
        self.log(before.transition(&self.plan, &state));
        for _ in 0..STEPS_MAX {
            self.tell(&step);
            if let Step::Finish(exit) = step {
                let Phase::Ending(ending) = &state.phase else {
                    panic!("finished elsewhere")
                };
                if let Some(table) = stages::table(&state.results, &self.plan.rules.thresholds) {
                    self.out.push_str(&aligned(&table));
                }
                let last = verdict::line(&self.plan, &state, ending, exit);
                writeln!(self.out, "{last}").unwrap();
                return self.out;
            }
            let facts = self.answer(&state, &step);
            let mark = lines::Mark::of(&self.plan, &state);
            (state, step) = next(&self.plan, state, facts);
            self.log(mark.transition(&self.plan, &state));
            self.log(mark.evidence(&self.plan, &state));
        }
        panic!("no end after {STEPS_MAX} steps:\n{}", self.out)
    }

    fn log(&mut self, line: Option<String>) {
        if let Some(line) = line {
            writeln!(self.out, "     > {line}").unwrap();
        }
    }

    fn tell(&mut self, step: &Step) {
        if !matches!(step, Step::Sleep(_) | Step::Pause(_)) {
            let at = self.world.now.as_secs();
            writeln!(self.out, "{at:>3}s {}", words::step(step)).unwrap();
        }
    }

    fn answer(&mut self, state: &State, step: &Step) -> Facts {
        let kind = name(step);
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let count = *count;
        let during = self.script.during.iter();
        let now = during.filter(|(k, n, _)| k == kind && *n == count);
        self.standing.extend(now.map(|(_, _, what)| what.clone()));
        let failed = |(k, which): &(String, String)| {
            k == kind && (which == "all" || which.split(',').any(|n| n == count.to_string()))
        };
        let outcome = if self.script.fails.iter().any(failed) {
            Outcome::Failed("it was refused".to_owned())
        } else {
            self.wait_or(step);
            self.outcome(state, step)
        };
        let seconds = self.world.now.as_secs();
        let due = self.script.at.iter().filter(|(at, _)| *at <= seconds);
        let standing: Vec<String> = self
            .standing
            .iter()
            .cloned()
            .chain(due.map(|(_, what)| what.clone()))
            .collect();
        // Everything lasts but a panic.
        self.standing.retain(|what| !what.starts_with("panic"));
        self.facts(outcome, &standing)
    }

    /// A sleep ends at the cancel.
    fn wait_or(&mut self, step: &Step) {
        let before = self.world.now;
        self.world.effect(step);
        let cancels = self.script.at.iter().filter(|(_, what)| what == "cancel");
        if let (Step::Sleep(_), Some((at, _))) = (step, cancels.min()) {
            self.world.now = self.world.now.min(s(*at).max(before));
        }
    }

    fn facts(&self, outcome: Outcome, standing: &[String]) -> Facts {
        let mut facts = self.world.facts(outcome);
        for what in standing {
            match what.split_once(' ').unwrap_or((what, "")) {
                ("cancel", _) => facts.cancelled = true,
                ("abort", by) => facts.abort = Some(by.to_owned()),
                ("lease", "good") => facts.lease = Lease::Good,
                ("lease", "shaky") => facts.lease = Lease::Shaky,
                ("lease", by) => facts.lease = Lease::Foreign { by: by.to_owned() },
                ("panic", what) => facts.outcome = Outcome::Broke(what.to_owned()),
                (other, _) => panic!("nothing happens by {other}"),
            }
        }
        facts
    }

    fn outcome(&mut self, state: &State, step: &Step) -> Outcome {
        match step {
            Step::Look(_) => return self.looked(state),
            Step::Say(change) => {
                self.log(Some(lines::change(change)));
                return Outcome::Done;
            }
            _ => {}
        }
        let key = match step {
            Step::LookBack => "past",
            Step::ReadTraffic { .. } => "traffic",
            other => name(other),
        };
        match self.script.answers.get(key) {
            Some(answer) => words::outcome(key, answer, &self.world),
            None => self.world.good(step),
        }
    }

    fn looked(&mut self, state: &State) -> Outcome {
        let what = watched(state);
        let count = self.told.entry(what.clone()).or_default();
        *count += 1;
        for (at, look, percent) in &self.script.drifts {
            if *at == what && look == count {
                self.world.share = share(*percent);
            }
        }
        let script = self.script.looks.get(&what).map_or(".", String::as_str);
        let word = script.chars().nth(*count - 1);
        let word = word.or(script.chars().last()).unwrap();
        let looked = (what, count.to_string());
        let known = !self.script.unread.contains(&looked);
        let mut look = look(self.world.now, word, known.then_some(self.world.share));
        if let Phase::Watching(span) = &state.phase {
            span.watch.relate(&mut look);
        }
        let line = lines::look(self.last_look.as_ref(), &look);
        self.log(line);
        self.last_look = Some(look.clone());
        Outcome::Looked(Box::new(look))
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "txt"));
    files.sort();
    files
}

#[test]
fn every_scenario_leads_to_the_steps_and_the_log_that_its_file_says() {
    let files = files();
    assert!(files.len() >= 20, "only {} scenarios", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let (script, expected) = text.split_once("----\n").expect("a line ----");
        let found = Player::read(script).play();
        if found != expected {
            let name = file.file_name().unwrap();
            let seen = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            std::fs::write(&seen, format!("{script}----\n{found}")).unwrap();
            wrong.push(format!("{}: see {}", file.display(), seen.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_scenario_that_does_otherwise_is_seen() {
    let good = Player::read("plan finish=stay\n").play();
    let bad = Player::read("plan finish=stay\nlooks stage1 x\n").play();
    assert!(good.contains("PASSED (exit 0)"), "{good}");
    assert!(bad.contains("ROLLED BACK (exit 1)"), "{bad}");
    assert!(matches!(
        words::outcome("acquire", "none", &World::new()),
        Outcome::Lease(Taken::Unneeded)
    ));
    assert_eq!(
        words::step(&Step::Record(Row::DryRun)),
        "record the dry run"
    );
    assert_eq!(words::seconds("90s"), s(90));
}
