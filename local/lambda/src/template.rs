//! Reads from `template.yaml` the functions, with what invokes them, and the queues.

mod queues;
mod source;

use std::time::Duration;

pub use queues::{Queue, queues};
pub use source::EventSource;

/// The template of this source tree.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The functions without a route in the template, and the routes that they have here: deployed, they have only URLs of their own.
const LOCAL_ROUTES: [(&str, &str); 2] = [("fallback", "/twilio/fallback"), ("media", "/media")];

/// One function of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name of its folder and binary.
    pub name: &'static str,
    /// The template's `Timeout`.
    pub time_limit: Duration,
    /// The paths that the gateway routes to it, as the template writes them. Empty for a function without HTTP.
    pub routes: Vec<&'static str>,
    /// The intervals of its schedules.
    pub schedules: Vec<Duration>,
    /// The queues whose messages it gets.
    pub event_sources: Vec<EventSource>,
}

/// Returns all functions of the template, in its order. A function's name is that of its binary.
///
/// # Panics
///
/// If a route has no path, a schedule no rate, or an event source no queue.
pub fn functions(template: &'static str) -> Vec<Function> {
    let (globals, _) = split(template);
    let default_limit = globals.lines().find_map(time_limit).unwrap_or_default();
    let functions = resources(template).filter_map(|(_, body)| {
        let name = between(body, "BuildProperties: {Binary: ", '}')?;
        let lines = || lines(body);
        let local = LOCAL_ROUTES.into_iter().find(|(own, _)| *own == name);
        let local = local.map(|(_, route)| route);
        let routes = lines().filter(|line| line.contains("{Type: HttpApi"));
        let routes =
            routes.map(|line| between(line, " Path: '", '\'').expect("a route has a path"));
        Some(Function {
            name,
            time_limit: lines().find_map(time_limit).unwrap_or(default_limit),
            routes: local.into_iter().chain(routes).collect(),
            schedules: lines().filter_map(interval).collect(),
            event_sources: source::event_sources(template, lines()),
        })
    });
    functions.collect()
}

/// Returns the template's parts before and after the start of its resources.
fn split(template: &str) -> (&str, &str) {
    template.split_once("\nResources:").expect("a template")
}

/// Returns the logical id and the text of each resource.
fn resources(template: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let (_, all) = split(template);
    let starts = all.match_indices("\n  ").map(|(at, _)| at + 1);
    let starts = starts.filter(|at| all[at + 2..].starts_with(char::is_alphabetic));
    let starts: Vec<_> = starts.collect();
    let ends = starts.iter().copied().skip(1).chain([all.len()]);
    let bodies: Vec<_> = starts.iter().copied().zip(ends).collect();
    bodies.into_iter().filter_map(|(start, end)| {
        let (id, body) = all[start..end].split_once(':')?;
        Some((id.trim_start(), body))
    })
}

/// Returns the lines of a resource without comments.
fn lines(body: &'static str) -> impl Iterator<Item = &'static str> {
    body.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
}

/// Returns the time limit that a line sets.
fn time_limit(line: &str) -> Option<Duration> {
    let seconds = line.trim().strip_prefix("Timeout: ")?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Returns the interval of the schedule in a line.
fn interval(line: &str) -> Option<Duration> {
    let mut keys = ["ScheduleExpression: ", "Schedule: "].into_iter();
    let (_, expression) = keys.find_map(|key| line.rsplit_once(key))?;
    let expression = expression.trim_start_matches(['\'', '"']);
    if expression.starts_with('{') || expression.is_empty() {
        return None;
    }
    let rate = between(expression, "rate(", ')').and_then(|rate| rate.split_once(' '));
    let (count, unit) = rate.expect("a schedule of this template is a rate");
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 60 * 60,
        "day" => 24 * 60 * 60,
        other => panic!("a rate has no unit {other}"),
    };
    let count: u64 = count.parse().expect("a rate has a number");
    Some(Duration::from_secs(count * seconds))
}

/// Returns the number after a key. A reference to a parameter has the parameter's default.
fn number<T: std::str::FromStr>(template: &str, line: &str, key: &str) -> Option<T> {
    let (_, value) = line.split_once(key)?;
    let word = |text: &'_ str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric());
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let text = match value.strip_prefix("!Ref ") {
        Some(parameter) => {
            let (head, _) = split(template);
            let (_, parameter) = head.split_once(&format!("\n  {}:\n", word(parameter)))?;
            let own = parameter
                .lines()
                .take_while(|line| line.starts_with("    "));
            let mut defaults = own.filter_map(|line| line.trim().strip_prefix("Default: "));
            word(defaults.next()?.trim_matches('\''))
        }
        None => word(value.trim_start_matches('\'')),
    };
    text.parse().ok()
}

/// Returns the text of a line between two marks.
fn between<'a>(line: &'a str, begin: &str, end: char) -> Option<&'a str> {
    let (_, rest) = line.split_once(begin)?;
    rest.split(end).next()
}

#[cfg(test)]
mod tests;
