//! An intent as the records tell of it: closed by somebody else, with the parts that somebody did.

use super::{At, Intent, Part};
use crate::record::{Mark, part};

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Traffic,
        Self::Script,
        Self::Record,
        Self::Incident,
        Self::Notify,
    ];

    /// The word in the records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Traffic => part::TRAFFIC,
            Self::Script => part::SCRIPT,
            Self::Record => "record",
            Self::Incident => part::INCIDENT,
            Self::Notify => part::NOTIFY,
        }
    }

    /// The part of a word; none for the parts that only a rollback has.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.word() == word)
    }
}

impl Intent {
    /// Closed where somebody else closed it, with the parts that the records have of it, by their words.
    #[must_use]
    pub fn recorded(mut self, mark: Option<Mark>, parts: &[String]) -> Self {
        match (mark, self.at) {
            (None, _) | (_, At::Closed | At::Held | At::Succeeded { .. }) => {}
            (Some(Mark::Held), _) => self.at = At::Held,
            (Some(Mark::Finished | Mark::Settled), _) => self.at = At::Closed,
        }
        for part in parts.iter().filter_map(|word| Part::of(word)) {
            if !self.before.contains(&part) {
                self.mark(part);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::Share;

    fn moving() -> Intent {
        Intent {
            at: At::Moving { to: Share::ALL },
            ..Intent::begun("d1", None)
        }
    }

    #[test]
    fn what_somebody_else_closed_is_closed_and_what_is_done_is_done() {
        let at = |mark| moving().recorded(mark, &[]).at;
        assert_eq!(at(None), moving().at);
        assert_eq!(at(Some(Mark::Settled)), At::Closed);
        assert_eq!(at(Some(Mark::Held)), At::Held);
        let success = Intent {
            at: At::Succeeded { share: Share::ALL },
            ..moving()
        };
        let recorded = success.clone().recorded(Some(Mark::Finished), &[]);
        assert_eq!(recorded, success);
        let done = moving().recorded(None, &["script".to_owned(), "branch".to_owned()]);
        assert_eq!(done.done, [Part::Script]);
    }

    #[test]
    fn what_an_earlier_run_did_is_not_done_by_this_one() {
        let again = Intent {
            before: vec![Part::Script, Part::Notify],
            ..moving()
        };
        let words = ["script", "notify", "traffic"].map(str::to_owned);
        assert_eq!(again.recorded(None, &words).done, [Part::Traffic]);
    }

    #[test]
    fn every_part_has_a_word_of_its_own() {
        for part in Part::ALL {
            assert_eq!(Part::of(part.word()), Some(part));
        }
        assert_eq!(Part::of("branch"), None);
    }
}
