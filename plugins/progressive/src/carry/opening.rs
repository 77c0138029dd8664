//! Carries out what the forge is told: the incident of an ending, its close, and how the commit stands.

use shared::intent::Part;
use shared::log::Tone;
use shared::record::Subject;

use super::{Hands, Outcome};
use crate::report::incident::{self, About};
use crate::report::{standing, told};
use crate::rollout::{Ending, Phase, Reach, State};

impl Hands<'_> {
    /// Opens the incident of what is put back or left to a person. Where none is to be opened, the part stays undone
    /// for whoever can.
    pub(super) fn incident(&mut self, state: &State) -> Outcome {
        let Phase::Ending(ending) = &state.phase else {
            return Outcome::Skipped;
        };
        if let Some(why) = self.forging.opens_none() {
            let text = format!("no incident is opened: {why}; it is left to plugin-rollback");
            self.log.info(&text);
            return Outcome::Skipped;
        }
        let incident = self.about(state, ending);
        let opened = self.forging.open(incident);
        let opened = opened.map_err(|why| format!("the incident is not open: {why}"));
        let opened = opened.map(|what| self.say(Tone::Plain, &what));
        self.part(opened, Part::Incident, &state.intent)
    }

    fn about(&mut self, state: &State, ending: &Ending) -> shared::incident::Incident {
        let settings = self.settings;
        let subject = self.ledger.subject(&state.intent);
        let stable = self.ledger.stable(&subject);
        let mut links = told::links(&settings.ci);
        // This pipeline's commit is not that of a rollout which it found.
        links.retain(|(name, _)| name != "commit" || subject == settings.subject);
        let about = About {
            subject: &subject,
            plan: &settings.plan,
            state,
            ending,
            severity: settings.forging.severity,
            at: self.clock.now(),
            stable: stable.as_deref(),
            seen: &self.seen,
            timeline: &self.timeline,
            links: &links,
        };
        incident::incident(&about, |text| self.log.masked(text))
    }

    /// Closes the incidents of these deployments: this run's version is live and well.
    pub(super) fn recover(&mut self, of: &[String]) -> Result<(), String> {
        let own = &self.settings.subject;
        let commit = own.commit.as_deref().unwrap_or("the new version");
        let what = format!(
            "{commit} passed every stage in {}, as deployment {}.",
            own.environment, own.deployment_id
        );
        for id in of {
            let subject = Subject {
                deployment_id: id.clone(),
                commit: None,
                build_id: None,
                ..own.clone()
            };
            let key = incident::key(&subject);
            let closed = self.forging.recovered(key, what.clone());
            // One that does not answer does not answer for the next one either.
            let what =
                closed.map_err(|why| format!("the incident of {id} is not closed: {why}"))?;
            self.say(Tone::Plain, &what);
            self.ledger.recovered(&subject);
        }
        Ok(())
    }

    /// Says at the forge that the rollout is on its way, once something may have been touched: a run that dies before
    /// would leave its commit so for good.
    pub fn begins(&mut self, state: &State) {
        let is_on_its_way =
            state.reach >= Reach::Deployed && !matches!(state.phase, Phase::Ending(_));
        if !is_on_its_way || self.forging.is_pending() {
            return;
        }
        let (stands, text) = standing::begun(&self.settings.plan);
        let commit = self.settings.subject.commit.as_deref();
        self.forging.stands(commit, stands, &text);
    }

    /// Says at the forge how the commit of an ending stands.
    pub(super) fn stands(&mut self, state: &State, ending: &Ending) {
        let exit = told::expected_exit(ending);
        let limits = &self.settings.plan.rules.thresholds;
        let (stands, text) = standing::ended(ending, exit, &state.results, limits);
        let subject = self.ledger.subject(&state.intent);
        self.forging
            .stands(subject.commit.as_deref(), stands, &text);
    }

    /// The same for this run's own commit, where the ending told nobody.
    pub fn ends(&mut self, state: &State, ending: &Ending) {
        if self.forging.is_pending() {
            self.stands(state, ending);
        }
    }
}
