//! Calling hours: the hours of the week, the holidays, and the times at which both allow calls.

mod calendar;
mod holidays;
mod next;
mod text;
mod week;

pub use calendar::CallingCalendar;
pub use holidays::Holidays;
pub use week::CallingHours;
