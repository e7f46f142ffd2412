//! The pace of dials: how many a second.

use super::InvalidValue;

/// Number of dials a second, with a burst of one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// The slowest pace: one dial in ten seconds.
    pub const MIN: f64 = 0.1;
    /// The fastest pace.
    pub const MAX: f64 = 1_000.0;

    /// Checks a number of dials a second.
    ///
    /// # Errors
    ///
    /// If it is not between [`Pace::MIN`] and [`Pace::MAX`].
    pub fn per_second(dials: f64) -> Result<Self, InvalidValue> {
        let (min, max) = (Self::MIN, Self::MAX);
        if (min..=max).contains(&dials) {
            return Ok(Self(dials));
        }
        Err(InvalidValue::new(format!(
            "must be between {min} and {max}"
        )))
    }

    /// Number of dials a second.
    #[must_use]
    pub fn dials_per_second(self) -> f64 {
        self.0
    }

    /// Milliseconds from one dial to the next.
    #[must_use]
    pub fn interval_ms(self) -> f64 {
        1_000.0 / self.0
    }

    /// Milliseconds by which a dial may be early, so that those of one second may come at once.
    #[must_use]
    pub fn tolerance_ms(self) -> f64 {
        (self.0.max(1.0) - 1.0) * self.interval_ms()
    }

    /// Number of dials in this many seconds, at least one.
    #[must_use]
    pub fn dials_in(self, seconds: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 1 and a few thousand"
        )]
        let dials = (self.0 * seconds).ceil().clamp(1.0, f64::from(u32::MAX)) as u32;
        dials
    }
}

impl std::str::FromStr for Pace {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let number = text
            .parse()
            .map_err(|_| InvalidValue::new("must be a number"))?;
        Self::per_second(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_one_second_of_dials() {
        let one = Pace::per_second(1.0).unwrap();
        assert!((one.interval_ms() - 1_000.0).abs() < 1e-9 && one.tolerance_ms().abs() < 1e-9);
        let ten = Pace::per_second(10.0).unwrap();
        assert!(
            (ten.interval_ms() - 100.0).abs() < 1e-9 && (ten.tolerance_ms() - 900.0).abs() < 1e-9
        );
        let slow: Pace = "0.5".parse().unwrap();
        assert!((slow.interval_ms() - 2_000.0).abs() < 1e-9 && slow.tolerance_ms().abs() < 1e-9);
        assert_eq!(
            (one.dials_in(2.0), ten.dials_in(2.0), slow.dials_in(1.0)),
            (2, 20, 1)
        );
    }

    #[test]
    fn pace_has_bounds() {
        for wrong in ["0", "-1", "1001", "ten", "", "NaN", "inf"] {
            assert!(wrong.parse::<Pace>().is_err(), "{wrong}");
        }
    }
}
