//! Calling hours as text, in a small part of OpenStreetMap's `opening_hours` syntax.

#[cfg(test)]
mod tests;

use std::{fmt, ops::RangeInclusive, str::FromStr};

use super::week::{CallingHours, DAY, HOUR, Span};
use crate::domain::InvalidValue;

const MAX_BYTES: usize = 1_000;
const MAX_SPANS_PER_DAY: usize = 24;
/// The names of the days, from Monday.
const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

impl FromStr for CallingHours {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        read(text).ok_or_else(|| {
            InvalidValue::new(
                "must be hours of the week, for example 08:00-21:00 or Mo-Fr 08:00-21:00; Sa 10:00-18:00",
            )
        })
    }
}

/// Returns `None` also if the text is too long, or if every day is closed.
fn read(text: &str) -> Option<CallingHours> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut hours = CallingHours {
        week: std::array::from_fn(|_| Vec::new()),
    };
    for rule in text.split(';') {
        let (days, spans) = rule_of(rule.trim())?;
        for (of_day, _) in hours.week.iter_mut().zip(days).filter(|(_, named)| *named) {
            of_day.clone_from(&spans);
        }
    }
    let is_open = hours.week.iter().any(|spans| !spans.is_empty());
    is_open.then_some(hours)
}

/// The days that a rule names, from Monday, and their spans.
fn rule_of(rule: &str) -> Option<([bool; 7], Vec<Span>)> {
    let (days, spans) = if let Some(days) = rule.strip_suffix("off") {
        (days, Vec::new())
    } else {
        let (days, spans) = rule.split_at(rule.find(|c: char| c.is_ascii_digit())?);
        (days, spans_of(spans)?)
    };
    if days.is_empty() && !spans.is_empty() {
        return Some(([true; 7], spans));
    }
    let named = days.trim_end();
    // A blank separates the days from their hours.
    if named.len() == days.len() {
        return None;
    }
    Some((days_of(named)?, spans))
}

/// `Mo`, `Mo-Fr`, `Mo,We,Fr-Su`. A range may go on over Sunday.
fn days_of(text: &str) -> Option<[bool; 7]> {
    let position = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut named = [false; 7];
    for entry in text.split(',').map(str::trim) {
        let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
        let (mut day, last) = (position(first)?, position(last)?);
        named[day] = true;
        while day != last {
            day = (day + 1) % DAYS.len();
            named[day] = true;
        }
    }
    Some(named)
}

/// `08:00-12:00,13:00-21:00`, in any order. Returns `None` if spans overlap.
fn spans_of(text: &str) -> Option<Vec<Span>> {
    let mut spans: Vec<_> = text
        .split(',')
        .map(|span| span_of(span.trim()))
        .collect::<Option<_>>()?;
    spans.sort_unstable();
    let is_apart = spans.windows(2).all(|two| two[0].end() <= two[1].opens);
    (is_apart && spans.len() <= MAX_SPANS_PER_DAY).then_some(spans)
}

fn span_of(text: &str) -> Option<Span> {
    let (opens, closes) = text.split_once('-')?;
    let (opens, closes) = (minutes(opens)?, minutes(closes)?);
    (opens < DAY && opens != closes).then_some(Span { opens, closes })
}

/// `HH:MM`, up to 24:00, as minutes since midnight.
fn minutes(text: &str) -> Option<u32> {
    let two_digits = |text: &str| match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
        }
        _ => None,
    };
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let of_day = hours * HOUR + minutes;
    (minutes < HOUR && of_day <= DAY).then_some(of_day)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [opens, closes] =
            [self.opens, self.closes].map(|at| format!("{:02}:{:02}", at / HOUR, at % HOUR));
        write!(f, "{opens}-{closes}")
    }
}

/// Days with the same hours share a rule. The text parses to the same hours.
impl fmt::Display for CallingHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules = Vec::new();
        for (day, spans) in self.week.iter().enumerate() {
            if spans.is_empty() || self.week[..day].contains(spans) {
                continue;
            }
            let spans_text: Vec<_> = spans.iter().map(Span::to_string).collect();
            let mut runs: Vec<RangeInclusive<usize>> = Vec::new();
            for day in (day..DAYS.len()).filter(|day| self.week[*day] == *spans) {
                match runs.last_mut() {
                    Some(run) if run.end() + 1 == day => *run = *run.start()..=day,
                    _ => runs.push(day..=day),
                }
            }
            let days: Vec<_> = runs.iter().map(days_text).collect();
            let rule = match &runs[..] {
                [run] if run.clone().count() == DAYS.len() => spans_text.join(","),
                _ => format!("{} {}", days.join(","), spans_text.join(",")),
            };
            rules.push(rule);
        }
        f.write_str(&rules.join("; "))
    }
}

fn days_text(run: &RangeInclusive<usize>) -> String {
    let (first, last) = (DAYS[*run.start()], DAYS[*run.end()]);
    if first == last {
        first.to_owned()
    } else {
        format!("{first}-{last}")
    }
}
