//! Reads the functions, their routes and their time limits from `template.yaml`.

use std::time::Duration;

/// The template of this source tree.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// The function without a route in the template, and the route that it has here: a deployed `media` has its own URL.
const LOCAL_ROUTE: (&str, &str) = ("media", "/media");

/// One function of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The name of its folder and binary.
    pub name: &'static str,
    /// The template's `Timeout`.
    pub time_limit: Duration,
    /// The paths that the gateway routes to it, as the template writes them. Empty for a function without HTTP.
    pub routes: Vec<&'static str>,
}

/// Returns all functions of the template, in its order. A function's name is that of its binary.
///
/// # Panics
///
/// If the template names no binary, or a route has no path.
pub fn functions(template: &'static str) -> Vec<Function> {
    let (globals, resources) = template.split_once("\nResources:").expect("a template");
    let default_limit = globals.lines().find_map(time_limit).unwrap_or_default();
    let mut functions: Vec<Function> = Vec::new();
    let mut is_function = false;
    for line in resources.lines() {
        let is_resource = line.starts_with("  ") && line[2..].starts_with(char::is_alphabetic);
        is_function &= !is_resource;
        if let Some(name) = between(line, "BuildProperties: {Binary: ", '}') {
            is_function = true;
            let local = (name == LOCAL_ROUTE.0).then_some(LOCAL_ROUTE.1);
            functions.push(Function {
                name,
                time_limit: default_limit,
                routes: local.into_iter().collect(),
            });
        }
        let Some(function) = functions.last_mut().filter(|_| is_function) else {
            continue;
        };
        if let Some(limit) = time_limit(line) {
            function.time_limit = limit;
        } else if line.contains("{Type: HttpApi") {
            let route = between(line, " Path: '", '\'').expect("a route has a path");
            function.routes.push(route);
        }
    }
    functions
}

/// Returns the time limit that a line sets.
fn time_limit(line: &str) -> Option<Duration> {
    let seconds = line.trim().strip_prefix("Timeout: ")?;
    seconds.parse().ok().map(Duration::from_secs)
}

/// Returns the text of a line between two marks.
fn between<'a>(line: &'a str, begin: &str, end: char) -> Option<&'a str> {
    let (_, rest) = line.split_once(begin)?;
    rest.split(end).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_the_routes_and_time_limits_of_their_resources() {
        let template = "\
Globals:
  Function:
    Timeout: 29

Resources:
  Api:
    Properties:
      Timeout: 1
  Users:
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: users}}
      Events:
        Users: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: '/users'}}
        User: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: ANY, Path: '/users/{proxy+}'}}
  Media:
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: media}}
    Properties:
      Timeout: 300
  Other:
    Properties:
      Timeout: 2
";
        let function = |name, seconds, routes: &[&'static str]| Function {
            name,
            time_limit: Duration::from_secs(seconds),
            routes: routes.to_vec(),
        };
        assert_eq!(
            functions(template),
            [
                function("users", 29, &["/users", "/users/{proxy+}"]),
                function("media", 300, &["/media"])
            ]
        );
    }
}
