//! Compares responses with the API document.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::request::{Answer, Request};

/// An API document that responses must match.
#[derive(Debug)]
pub struct ApiDocument(Value);

impl ApiDocument {
    /// Takes the document. An object may only have the fields that its schema describes.
    ///
    /// # Panics
    ///
    /// If the document can't be serialized.
    pub fn new(document: &impl serde::Serialize) -> Self {
        let mut document = serde_json::to_value(document).expect("a document is JSON");
        let schemas = document["components"]["schemas"].as_object_mut();
        for schema in schemas.into_iter().flat_map(|schemas| schemas.values_mut()) {
            if schema["properties"].is_object() {
                schema["additionalProperties"] = false.into();
            }
        }
        Self(document)
    }

    /// Returns the schema with this name.
    #[must_use]
    pub fn schema(&self, name: &str) -> &Value {
        &self.0["components"]["schemas"][name]
    }

    /// Asserts that the document allows this response to the request: its status, headers, content type and body. A
    /// header whose schema allows null may be absent.
    ///
    /// # Panics
    ///
    /// If the document doesn't allow it.
    #[track_caller]
    pub fn check(&self, request: &Request, answer: &Answer) {
        let (method, path) = (request.method(), request.path());
        let status = answer.status.as_str();
        let documented = &self.operation(&method, &path)["responses"][status];
        assert!(
            documented.is_object(),
            "{method} {path}: {status} is not in the document"
        );
        for (name, header) in documented["headers"].as_object().into_iter().flatten() {
            let optional = matches!(&header["schema"]["type"], Value::Array(_));
            assert!(
                optional || answer.headers.contains_key(name),
                "{method} {path}: {status} has no {name}"
            );
        }
        let Some(content) = documented["content"]
            .as_object()
            .filter(|content| !content.is_empty())
        else {
            assert!(
                answer.body.is_empty(),
                "{method} {path}: {status} has an undocumented body"
            );
            return;
        };
        let media = answer
            .header("content-type")
            .split(';')
            .next()
            .unwrap_or_default();
        let schema = content.get(media).map(|content| &content["schema"]);
        let schema = schema.unwrap_or_else(|| {
            panic!(
                "{method} {path}: {status} is {media}, not {:?}",
                content.keys()
            )
        });
        if media.ends_with("json") {
            self.validate(
                schema,
                &answer.json(),
                &format!("{method} {path}: {status}"),
            );
        }
        for content in content.values() {
            if content["example"].is_object() {
                self.validate(
                    &content["schema"],
                    &content["example"],
                    &format!("example of {method} {path}: {status}"),
                );
            }
        }
    }

    /// Asserts that the example matches its schema.
    ///
    /// # Panics
    ///
    /// If it doesn't.
    #[track_caller]
    pub fn check_example(&self, schema: &Value, example: &Value, place: &str) {
        self.validate(schema, example, &format!("example of {place}"));
    }

    /// Returns the operation whose path template matches.
    #[track_caller]
    fn operation(&self, method: &str, path: &str) -> &Value {
        let fits = |template: &str| {
            template.split('/').count() == path.split('/').count()
                && template
                    .split('/')
                    .zip(path.split('/'))
                    .all(|(wanted, given)| wanted == given || wanted.starts_with('{'))
        };
        let paths = self.0["paths"].as_object().expect("the document has paths");
        let item = paths.iter().find(|(template, _)| fits(template));
        let operation = item.and_then(|(_, item)| item.get(method.to_lowercase()));
        operation.unwrap_or_else(|| panic!("{method} {path} is not in the document"))
    }

    #[track_caller]
    fn validate(&self, schema: &Value, value: &Value, of: &str) {
        let mut whole = json!({"components": self.0["components"]});
        for (name, part) in schema.as_object().into_iter().flatten() {
            whole[name] = part.clone();
        }
        let validator: Validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .expect("the document's schemas are valid");
        let faults: Vec<_> = validator
            .iter_errors(value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{of}: {faults:?} in {value}");
    }
}
