//! Completes the schemas: closed bodies, required fields, examples.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use utoipa::openapi::{
    Components, RefOr, Schema,
    schema::{AdditionalProperties, Object},
};

/// Closes the schemas of request bodies, marks the fields that responses always have as required, and adds examples.
///
/// `bodies` are the names of the schemas of request bodies. All others belong to responses.
pub(super) fn complete(components: &mut Components, bodies: &[String]) {
    let bodies = with_parts(components, bodies);
    for (name, object) in objects(components) {
        if bodies.contains(name) {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        } else {
            require_nullable(object);
        }
    }
    let schemas = serde_json::to_value(&components.schemas).unwrap_or_default();
    for (name, object) in objects(components) {
        if !object.properties.is_empty() && object.example.is_none() && object.examples.is_empty() {
            object.examples = vec![example(&schemas, &schemas[name])];
        }
    }
}

/// Returns the names of these schemas and of all schemas to which they refer.
fn with_parts(components: &Components, names: &[String]) -> BTreeSet<String> {
    let schemas = serde_json::to_value(&components.schemas).unwrap_or_default();
    let mut found = BTreeSet::new();
    let mut next = names.to_vec();
    while let Some(name) = next.pop() {
        let text = schemas[&name].to_string();
        if found.insert(name) {
            let parts = text.split("\"#/components/schemas/").skip(1);
            next.extend(
                parts
                    .filter_map(|part| part.split('"').next())
                    .map(str::to_owned),
            );
        }
    }
    found
}

fn objects(components: &mut Components) -> impl Iterator<Item = (&String, &mut Object)> {
    let schemas = components.schemas.iter_mut();
    schemas.filter_map(|(name, schema)| match schema {
        RefOr::T(Schema::Object(object)) => Some((name, object)),
        _ => None,
    })
}

/// Marks nullable fields as required: a response has such a field even if it is null. Fields that are left out instead are
/// declared with `nullable = false`.
fn require_nullable(object: &mut Object) {
    let always = object.properties.iter().filter(|(name, schema)| {
        let schema = serde_json::to_value(schema).unwrap_or_default();
        is_nullable(&schema) && !object.required.contains(name)
    });
    let always: Vec<_> = always.map(|(name, _)| name.clone()).collect();
    object.required.extend(always);
}

fn is_nullable(schema: &Value) -> bool {
    let null = Value::from("null");
    let types = schema["type"].as_array();
    let choices = schema["oneOf"].as_array();
    types.is_some_and(|types| types.contains(&null))
        || choices.is_some_and(|choices| choices.iter().any(|choice| choice["type"] == null))
}

/// Builds an example of the schema from the examples of its parts. A part without one is null.
fn example(schemas: &Value, schema: &Value) -> Value {
    if let Some(own) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return own.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        return example(schemas, &schemas[name]);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let value = choices.iter().map(|choice| example(schemas, choice));
        return value
            .into_iter()
            .find(|it| !it.is_null())
            .unwrap_or_default();
    }
    if schema["type"] == "array" {
        return vec![example(schemas, &schema["items"])].into();
    }
    let Some(properties) = schema["properties"].as_object() else {
        return Value::Null;
    };
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|it| it == name));
    let fields = properties
        .iter()
        .map(|(name, property)| (name.clone(), example(schemas, property)))
        .filter(|(name, value)| !value.is_null() || is_required(name));
    Value::Object(fields.collect::<Map<_, _>>())
}
