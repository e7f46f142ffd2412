//! Properties of an operation.

use utoipa::openapi::{
    RefOr,
    path::{Operation, ParameterIn},
    security::SecurityRequirement,
};

/// Returns whether the operation requires an API key. If the key is optional, the operation lists an empty requirement.
pub(super) fn needs_key(operation: &Operation) -> bool {
    let requirements = operation.security.iter().flatten();
    let mut requirements = requirements.peekable();
    requirements.peek().is_some() && requirements.all(|one| *one != SecurityRequirement::default())
}

/// The name of the schema of the operation's JSON body.
pub(super) fn json_body(operation: &Operation) -> Option<String> {
    let RefOr::T(body) = operation.request_body.as_ref()? else {
        return None;
    };
    let RefOr::T(content) = body.content.get("application/json")? else {
        return None;
    };
    match content.schema.as_ref()? {
        RefOr::Ref(reference) => reference.ref_location.rsplit('/').next().map(str::to_owned),
        RefOr::T(_) => None,
    }
}

/// The kind of resource that the path's parameter identifies.
pub(super) fn resource(operation: &Operation) -> Option<String> {
    let parameters = operation.parameters.iter().flatten();
    let mut names = parameters.filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path => Some(&parameter.name),
        _ => None,
    });
    let name = names.next()?;
    Some(match name.strip_suffix("_id") {
        Some(resource) => resource.to_owned(),
        None => "blocked number".to_owned(),
    })
}

/// Returns whether the operation has a query parameter with this name.
pub(super) fn has_query(operation: &Operation, name: &str) -> bool {
    operation.parameters.iter().flatten().any(|parameter| {
        matches!(parameter, RefOr::T(it) if it.parameter_in == ParameterIn::Query && it.name == name)
    })
}
