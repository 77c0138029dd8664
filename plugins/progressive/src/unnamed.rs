//! Whose failures those are that name no version. Pure.

use shared::split::Counts;

/// So many failures may come a little early.
const SPARE: f64 = 5.0;

/// What the service's answers that failed without naming their version come to.
///
/// A version that does not work at all cannot say which one it is, so that such failures count against the canary, but
/// not those that the service had all along: as many as the limit allows of all answers, or as there were before the
/// first share where that is more, are nobody's. What is not used up at a look is lost but for a few: good hours must not
/// pay for a canary that dies later.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Unnamed {
    before: Counts,
    credit: f64,
}

impl Unnamed {
    /// A look before the first share: all answers, and of them those that failed without a name.
    pub fn before(&mut self, look: Counts) {
        self.before.requests = self.before.requests.saturating_add(look.requests);
        self.before.failed = self.before.failed.saturating_add(look.failed);
    }

    /// Of a look with a share: how many of the failures count against the canary. `limit`: the rate that is allowed, a
    /// fraction.
    pub fn charge(&mut self, look: Counts, limit: f64) -> u64 {
        let room = real(look.requests) * self.rate(limit);
        self.credit = (self.credit + room).min(room + SPARE);
        let excused = whole(self.credit).min(look.failed);
        self.credit -= real(excused);
        look.failed - excused
    }

    /// The rate up to which they are nobody's.
    pub fn rate(&self, limit: f64) -> f64 {
        if self.before.requests == 0 {
            return limit;
        }
        limit.max(real(self.before.failed) / real(self.before.requests))
    }
}

fn real(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53")]
    let real = count as f64;
    real
}

fn whole(count: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float beyond the range becomes its end"
    )]
    let whole = count as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(requests: u64, failed: u64) -> Counts {
        Counts { requests, failed }
    }

    #[test]
    fn the_failures_of_a_dead_canary_are_its_own() {
        let mut unnamed = Unnamed::default();
        unnamed.before(counts(300, 0));
        let charged: u64 = (0..10).map(|_| unnamed.charge(counts(28, 3), 0.01)).sum();
        // Of 280 answers two may fail.
        assert_eq!(charged, 28);
    }

    #[test]
    fn as_many_as_the_limit_allows_are_nobodys_however_they_come() {
        let mut unnamed = Unnamed::default();
        let looks = [0, 0, 1, 0, 2, 0, 0, 1, 0, 1];
        let charged = looks.map(|failed| unnamed.charge(counts(100, failed), 0.01));
        assert_eq!(charged, [0; 10]);
    }

    #[test]
    fn what_failed_before_the_first_share_is_not_the_canarys_fault() {
        let mut unnamed = Unnamed::default();
        unnamed.before(counts(200, 8));
        unnamed.before(counts(100, 4));
        assert_eq!(unnamed.charge(counts(100, 4), 0.01), 0);
        assert_eq!(unnamed.charge(counts(100, 14), 0.01), 10);
        assert!((unnamed.rate(0.05) - 0.05).abs() < 1e-12);
    }

    #[test]
    fn good_hours_do_not_pay_for_a_canary_that_dies_later() {
        let mut unnamed = Unnamed::default();
        for _ in 0..1000 {
            assert_eq!(unnamed.charge(counts(1000, 0), 0.01), 0);
        }
        assert_eq!(unnamed.charge(counts(1000, 100), 0.01), 85);
        assert_eq!(unnamed.charge(counts(1000, 100), 0.01), 90);
    }
}
