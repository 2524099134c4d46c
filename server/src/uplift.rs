//! Uplift: what a campaign changes, against those who were told nothing.
//!
//! In: of each arm how many persons the campaign's turn came to, and how many of them bought within
//! its attribution window. Out: the difference in percentage points with its 95 % interval, or that
//! there is not enough yet.
//! The interval is Newcombe's hybrid of two Wilson scores (Statistics in Medicine 17, 1998,
//! pp. 873 to 890, method 10): right for small shares and for arms of different size.
//! Both arms count from the moment at which the message was due, told or not: whoever would have
//! been told and was held out is compared with whoever was told, not with everybody.
//! Invariant: nothing is said of an arm with fewer than [`PERSONS_MIN`] persons.

/// Persons that each arm must have before anything is said.
pub const PERSONS_MIN: u64 = 100;

/// Half-width of an interval that is narrow enough to act on, in shares of 1: what
/// [`Uplift::persons_wanted`] aims at.
const HALF_WIDTH: f64 = 0.03;

/// The standard normal's 97.5th percentile.
const Z: f64 = 1.959_964;

/// One arm of a campaign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Persons the campaign's turn came to.
    pub persons: u64,
    /// Those of them who bought within the attribution window.
    pub bought: u64,
}

impl Tally {
    fn share(self) -> f64 {
        self.bought as f64 / self.persons as f64
    }

    /// Wilson's score interval of the share (Wilson 1927).
    fn wilson(self) -> (f64, f64) {
        let n = self.persons as f64;
        let p = self.share();
        let middle = p + Z * Z / (2.0 * n);
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + Z * Z / n;
        ((middle - reach) / whole, (middle + reach) / whole)
    }
}

/// Both arms of a campaign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uplift {
    /// Who was told.
    pub told: Tally,
    /// Who was held out.
    pub held_out: Tally,
}

/// A difference of shares, in shares of 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Told minus held out.
    pub by: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Difference {
    /// Whether it may be nothing but chance.
    pub fn may_be_chance(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }
}

impl Uplift {
    /// The difference; none: not enough data yet.
    pub fn difference(&self) -> Option<Difference> {
        let few = self.told.persons < PERSONS_MIN || self.held_out.persons < PERSONS_MIN;
        if few {
            return None;
        }
        let (told, held) = (self.told.share(), self.held_out.share());
        let ((told_low, told_high), (held_low, held_high)) =
            (self.told.wilson(), self.held_out.wilson());
        let by = told - held;
        Some(Difference {
            by,
            low: by - (told - told_low).hypot(held_high - held),
            high: by + (told_high - told).hypot(held - held_low),
        })
    }

    /// About how many persons both arms together need before the interval is 3 percentage points
    /// to either side, at the split and the shares of now; at least [`PERSONS_MIN`] in each arm.
    pub fn persons_wanted(&self) -> u64 {
        let all = (self.told.persons + self.held_out.persons).max(1) as f64;
        // Nobody held out yet: as if a tenth were, which is the usual share.
        let held = (self.held_out.persons as f64 / all).clamp(0.1, 0.9);
        // Without purchases yet the share is taken as one in ten.
        let share = |tally: Tally| match tally.persons {
            0..PERSONS_MIN => 0.1,
            _ => tally.share().clamp(0.02, 0.98),
        };
        let spread = |p: f64, part: f64| p * (1.0 - p) / part;
        let both = spread(share(self.told), 1.0 - held) + spread(share(self.held_out), held);
        let wanted = (Z / HALF_WIDTH).powi(2) * both;
        wanted.max(PERSONS_MIN as f64 / held.min(1.0 - held)).ceil() as u64
    }

    /// Persons of both arms.
    pub fn persons(&self) -> u64 {
        self.told.persons + self.held_out.persons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uplift(told: (u64, u64), held_out: (u64, u64)) -> Uplift {
        let tally = |(bought, persons)| Tally { persons, bought };
        Uplift {
            told: tally(told),
            held_out: tally(held_out),
        }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-5
    }

    #[test]
    fn the_interval_is_the_one_of_the_article() {
        // Newcombe 1998, table II, method 10: 56/70 - 48/80 is 0.2, from 0.0524 to 0.3339. His arms
        // are smaller than ours may be, so the difference is taken from the parts.
        let Uplift { told, held_out } = uplift((56, 70), (48, 80));
        let (told_low, told_high) = told.wilson();
        let (held_low, held_high) = held_out.wilson();
        let low = 0.2 - (0.8 - told_low).hypot(held_high - 0.6);
        let high = 0.2 + (told_high - 0.8).hypot(0.6 - held_low);
        assert!(near(low, 0.0524) && near(high, 0.3339), "{low} {high}");
    }

    #[test]
    fn a_difference_needs_a_hundred_in_each_arm() {
        assert_eq!(uplift((50, 900), (5, 99)).difference(), None);
        let enough = uplift((50, 900), (5, 100)).difference().unwrap();
        assert!(enough.may_be_chance(), "{enough:?}");
        let clear = uplift((900, 9_000), (40, 1_000)).difference().unwrap();
        assert!(!clear.may_be_chance() && near(clear.by, 0.06), "{clear:?}");
    }

    #[test]
    fn what_is_wanted_gives_the_width_that_was_promised() {
        let wanted = uplift((80, 800), (20, 200)).persons_wanted();
        let scale = |n: u64| n * wanted / 1_000;
        let then = uplift((scale(80), scale(800)), (scale(20), scale(200)));
        let difference = then.difference().unwrap();
        let half = (difference.high - difference.low) / 2.0;
        assert!((0.028..0.032).contains(&half), "{half} with {wanted}");
    }
}
