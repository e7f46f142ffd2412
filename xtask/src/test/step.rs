//! The steps of `cargo xtask test` and their names.

use clap::ValueEnum;
use clap::builder::PossibleValue;

/// One step. Its value on the command line is the name in kebab case, or the name as printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// cargo fmt has nothing to change
    Formatting,
    /// The crates follow deny.toml: licences, sources, one TLS stack
    Crates,
    /// No manifest has an unused crate
    #[value(alias = "unused crates")]
    UnusedCrates,
    /// The lock file of the fuzz targets is up to date
    #[value(alias = "crates of the fuzz targets")]
    CratesOfTheFuzzTargets,
    /// No crate has a known vulnerability
    Advisories,
    /// clippy has no warning
    Clippy,
    /// The stored OpenAPI document matches the code
    #[value(alias = "API document")]
    ApiDocument,
    /// rustdoc has no warning
    Documentation,
    /// All binaries compile
    Build,
    /// The workspace's Rust tests, end-to-end tests included
    #[value(alias = "Rust tests")]
    RustTests,
    /// Sixty calls survive every fault
    Chaos,
    /// The responses to generated requests match the API document
    Schemathesis,
    /// A generated client places a call
    #[value(alias = "Python client")]
    PythonClient,
    /// Two linters and a strict TypeScript client accept the API document
    #[value(alias = "API linters")]
    ApiLinters,
    /// The console works in a browser
    Console,
    /// The template, the workflows and the bill of materials are valid
    #[value(alias = "SAM template")]
    SamTemplate,
    /// The simulator works with Twilio's SDK
    #[value(alias = "simulator and Twilio's SDK")]
    SimulatorAndTwiliosSdk,
}

impl Step {
    /// The name as printed.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        let names = value.iter().flat_map(PossibleValue::get_name_and_aliases);
        names.last().unwrap_or_default().to_owned()
    }

    /// Returns true if it needs the binaries and does not build them itself.
    pub fn needs_binaries(self) -> bool {
        matches!(self, Self::RustTests | Self::SimulatorAndTwiliosSdk)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Cli;

    fn parse(name: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["cargo xtask", "test", "--only", name])
    }

    #[test]
    fn step_is_named_in_kebab_case_or_as_printed() {
        for step in Step::value_variants() {
            let printed = step.name();
            let kebab = printed.to_lowercase().replace('\'', "").replace(' ', "-");
            for name in [&printed, &kebab] {
                assert!(parse(name).is_ok(), "{name}");
            }
            assert_eq!(Step::from_str(&kebab, false), Ok(*step));
        }
    }

    #[test]
    fn unknown_step_is_refused_with_all_names() {
        let error = parse("consol").err().expect("there is no such step");
        let message = error.to_string();
        for step in Step::value_variants() {
            let value = step.to_possible_value().expect("no step is hidden");
            assert!(message.contains(value.get_name()), "{message}");
        }
    }
}
