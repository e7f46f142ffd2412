//! The keys that a called party presses, and when.

use std::time::Duration;

use serde::Deserialize;

/// The keys that a called party presses at each Gather for keys.
///
/// A text such as `WW1` has the keys `0` to `9`, `*` and `#`, and pauses before them: `w` is half a second, `W` a second.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "Vec<String>")]
pub struct Presses {
    gathers: Vec<String>,
    /// True if the last text is for all further Gathers too.
    repeats_last: bool,
}

/// The most Gathers, and the most characters for each.
const MOST: usize = 100;

impl Presses {
    /// No keys.
    pub const NONE: Self = Self {
        gathers: Vec::new(),
        repeats_last: false,
    };

    /// These keys at every Gather.
    #[must_use]
    pub fn always(keys: &str) -> Self {
        Self {
            gathers: vec![keys.to_owned()],
            repeats_last: true,
        }
    }

    /// These keys at the first Gathers, and none at later ones. An empty text is for no key.
    #[must_use]
    pub fn at_gathers(keys: &[&str]) -> Self {
        Self {
            gathers: keys.iter().map(|&keys| keys.to_owned()).collect(),
            repeats_last: false,
        }
    }

    /// Returns the keys at a Gather, counted from 0, each with the time since the one before it or since the Gather's start.
    #[must_use]
    pub fn at(&self, gather: usize) -> Vec<(Duration, char)> {
        let last = self.gathers.last().filter(|_| self.repeats_last);
        let text = self.gathers.get(gather).or(last);
        let mut pause = Duration::ZERO;
        let mut keys = Vec::new();
        for c in text.map(String::as_str).unwrap_or_default().chars() {
            match c {
                'w' => pause += Duration::from_millis(500),
                'W' => pause += Duration::from_secs(1),
                key => keys.push((std::mem::take(&mut pause), key)),
            }
        }
        keys
    }
}

impl TryFrom<Vec<String>> for Presses {
    type Error = String;

    fn try_from(gathers: Vec<String>) -> Result<Self, String> {
        if gathers.len() > MOST || gathers.iter().any(|keys| keys.len() > MOST) {
            return Err(format!(
                "presses must have at most {MOST} texts of {MOST} characters"
            ));
        }
        let is_known = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'w' | 'W');
        if let Some(c) = gathers
            .iter()
            .flat_map(|keys| keys.chars())
            .find(|&c| !is_known(c))
        {
            return Err(format!(
                "presses must have only 0-9, *, #, w and W, and has {c:?}"
            ));
        }
        Ok(Self {
            gathers,
            repeats_last: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_before_the_next_key() {
        let presses = Presses::at_gathers(&["WW1w#", ""]);
        let seconds = Duration::from_secs;
        assert_eq!(
            presses.at(0),
            [(seconds(2), '1'), (Duration::from_millis(500), '#')]
        );
        assert!(presses.at(1).is_empty());
        assert!(presses.at(2).is_empty());
        assert_eq!(Presses::always("W1").at(7), [(seconds(1), '1')]);
    }
}
