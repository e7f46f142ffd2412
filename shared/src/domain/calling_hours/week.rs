//! The hours of a week.

use chrono::Weekday;

pub(super) const HOUR: u32 = 60;
/// Minutes of a day.
pub(super) const DAY: u32 = 24 * HOUR;

/// Hours of one day, in minutes since its midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// The first minute. Less than [`DAY`].
    pub(super) opens: u32,
    /// The minute after the last. 24:00 is the end of the day. Up to `opens`, it is a time of the next day.
    pub(super) closes: u32,
}

impl Span {
    /// The minute after the last, since the midnight before `opens`.
    pub(super) fn end(self) -> u32 {
        if self.opens < self.closes {
            self.closes
        } else {
            self.closes + DAY
        }
    }
}

/// The hours of the week in which people may be called, by their local time: `08:00-21:00`, or
/// `Mo-Fr 09:00-12:00,13:00-21:00; Sa 22:00-02:00`.
///
/// - A rule names days and their hours. Without days, it is for every day. Rules are separated by semicolons.
/// - A later rule replaces the hours of its days, as in OpenStreetMap's `opening_hours`. `Su off` closes a day.
/// - A day that no rule names is closed.
/// - The first minute of a span is included, the last is not. A span over midnight belongs to the day on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallingHours {
    /// From Monday. The spans of a day are sorted, and do not overlap.
    pub(super) week: [Vec<Span>; 7],
}

impl CallingHours {
    /// All hours of the week.
    pub(super) fn always() -> Self {
        let whole_day = Span {
            opens: 0,
            closes: DAY,
        };
        Self {
            week: std::array::from_fn(|_| vec![whole_day]),
        }
    }

    /// The spans that begin on this day of the week.
    pub(super) fn of(&self, day: Weekday) -> &[Span] {
        &self.week[day.num_days_from_monday() as usize]
    }
}
