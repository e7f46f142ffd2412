//! Types of texts that are valid in one way, such as names and Twilio's ids.

/// Declares a type whose values are the texts for which `is_valid` returns true. Any other text is refused with the message. Only
/// `domain` may skip the check, for names from its own tables.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $is_valid:expr, $message:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(in crate::domain) String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::InvalidValue;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if $is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(crate::domain::InvalidValue::new($message))
                }
            }
        }
    };
}
pub(super) use checked_text;
