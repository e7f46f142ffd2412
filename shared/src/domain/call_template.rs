//! What the calls of a batch say: words with `{{ variables }}`, which each recipient fills in.

use super::{
    FieldFault, InvalidValue, Part, RenderError, Script, ScriptTemplate, ScriptVariables, Steps,
    Voicemail, Words, steps::message_faults,
};

/// A script or steps, and a message for machines. Their texts are templates.
#[derive(Clone)]
pub struct CallTemplate {
    script: Option<ScriptTemplate>,
    steps: Option<(Steps, Vec<PartTemplate>)>,
    voicemail: Option<(Voicemail, Vec<PartTemplate>)>,
}

/// What one call says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedCall {
    /// The script. `None` if the call has steps.
    pub script: Option<Script>,
    /// The steps.
    pub steps: Option<Steps>,
    /// The treatment of answering machines.
    pub voicemail: Option<Voicemail>,
}

/// The template of a part, and the path of the part. `None`: a part that is spelled has no variables.
#[derive(Clone)]
struct PartTemplate {
    path: String,
    template: Option<ScriptTemplate>,
}

impl CallTemplate {
    /// Takes the template of a script, which replaces steps, and the templates in the texts of the parts.
    ///
    /// # Errors
    ///
    /// The texts that are no templates, with their paths.
    pub fn of(
        script: Option<ScriptTemplate>,
        steps: Option<&Steps>,
        voicemail: Option<&Voicemail>,
    ) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let steps = steps.map(|steps| {
            let templates = steps
                .parts()
                .map(|part| PartTemplate::of(part, &mut faults));
            (steps.clone(), templates.collect())
        });
        let voicemail = voicemail.map(|voicemail| {
            let message = voicemail.message.iter();
            let parts = message.flat_map(|it| it.parts_at("voicemail.message"));
            let templates = parts.map(|part| PartTemplate::of(part, &mut faults));
            (voicemail.clone(), templates.collect())
        });
        if faults.is_empty() {
            return Ok(Self {
                script,
                steps,
                voicemail,
            });
        }
        Err(faults)
    }

    /// The steps, with their variables.
    #[must_use]
    pub fn steps(&self) -> Option<&Steps> {
        self.steps.as_ref().map(|(steps, _)| steps)
    }

    /// Renders the words with these values. XML in values is escaped for SSML.
    ///
    /// # Errors
    ///
    /// All faults: one of `variables` for the values that are missing, or of a script that is not valid, and the paths of the
    /// parts that are not.
    pub fn render(&self, variables: &ScriptVariables) -> Result<RenderedCall, Vec<FieldFault>> {
        let only_script = self.steps.is_none() && self.voicemail.is_none();
        let mut faults = RenderFaults::default();
        let script = self.script.as_ref().and_then(|template| {
            let rendered = template.render(variables.entries());
            rendered.map_err(|error| faults.add_script(error)).ok()
        });
        let steps = self.steps.as_ref().map(|(steps, templates)| {
            let mut steps = steps.clone();
            for (part, template) in steps.parts_mut().zip(templates) {
                template.fill(part, variables, &mut faults);
            }
            let too_long = steps.length_fault();
            faults.add_all(too_long.map(|message| ("steps".to_owned(), message)));
            steps
        });
        let voicemail = self.voicemail.as_ref().map(|(voicemail, templates)| {
            let mut voicemail = voicemail.clone();
            if let Some(message) = &mut voicemail.message {
                for (part, template) in message.parts_mut().zip(templates) {
                    template.fill(part, variables, &mut faults);
                }
                let found = message_faults(message).into_iter();
                faults.add_all(found.map(|(path, fault)| (format!("voicemail.{path}"), fault)));
            }
            voicemail
        });
        faults.check(if only_script {
            "the script names"
        } else {
            "the words name"
        })?;
        Ok(RenderedCall {
            script,
            steps,
            voicemail,
        })
    }
}

impl RenderedCall {
    /// The text of the script, or of the steps.
    #[must_use]
    pub fn text(&self) -> Script {
        match (&self.script, &self.steps) {
            (Some(script), _) => script.clone(),
            (None, Some(steps)) => steps.plain_text(),
            (None, None) => Script::silent(),
        }
    }
}

impl PartTemplate {
    fn of((path, part): (String, &Part), faults: &mut Vec<FieldFault>) -> Self {
        let (template, field) = match &part.words {
            Words::Text(text) => (text.as_str().parse(), path.clone()),
            Words::Ssml(ssml) => (ScriptTemplate::of_ssml(ssml), format!("{path}.ssml")),
            Words::Spell(_) => {
                let template = None;
                return Self { path, template };
            }
        };
        let refuse = |error: InvalidValue| {
            faults.push(FieldFault {
                field: field.clone().into(),
                message: error.to_string(),
            });
        };
        Self {
            template: template.map_err(refuse).ok(),
            path: field,
        }
    }

    /// Replaces the words of the part by the rendered ones.
    fn fill(&self, part: &mut Part, variables: &ScriptVariables, faults: &mut RenderFaults) {
        let Some(template) = &self.template else {
            return;
        };
        let rendered = template.render(variables.entries());
        let words = rendered.and_then(|text| match &part.words {
            Words::Ssml(_) => text
                .as_str()
                .parse()
                .map(Words::Ssml)
                .map_err(RenderError::Invalid),
            Words::Text(_) | Words::Spell(_) => Ok(Words::Text(text)),
        });
        match words {
            Ok(words) => part.words = words,
            Err(RenderError::Missing(names)) => faults.add_missing(names),
            Err(RenderError::Invalid(invalid)) => {
                let message = format!("with these variables {invalid}");
                faults.add_all([(self.path.clone(), message)]);
            }
        }
    }
}

/// The faults of one rendering.
#[derive(Default)]
struct RenderFaults {
    /// The variables without a value.
    missing: Vec<String>,
    others: Vec<FieldFault>,
}

impl RenderFaults {
    fn add_script(&mut self, error: RenderError) {
        match error {
            RenderError::Missing(names) => self.add_missing(names),
            RenderError::Invalid(invalid) => self.add_all([(
                "variables".to_owned(),
                format!("must make a valid script, but the script {invalid}"),
            )]),
        }
    }

    fn add_missing(&mut self, names: Vec<String>) {
        for name in names {
            if !self.missing.contains(&name) {
                self.missing.push(name);
            }
        }
    }

    fn add_all(&mut self, faults: impl IntoIterator<Item = (String, String)>) {
        let faults = faults.into_iter().map(|(field, message)| FieldFault {
            field: field.into(),
            message,
        });
        self.others.extend(faults);
    }

    fn check(self, named_by: &str) -> Result<(), Vec<FieldFault>> {
        let missing = (!self.missing.is_empty()).then(|| FieldFault {
            field: "variables".into(),
            message: format!("must have {}, which {named_by}", self.missing.join(", ")),
        });
        let faults: Vec<_> = missing.into_iter().chain(self.others).collect();
        if faults.is_empty() {
            return Ok(());
        }
        Err(faults)
    }
}
