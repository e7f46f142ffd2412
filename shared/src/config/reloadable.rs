//! Configuration that follows the secret.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{ConfigError, RefreshReason, Settings};
use crate::aws::secret::Secret;

/// A part of the configuration that is parsed again when the secret changes. Clones share the value.
///
/// If the changed secret is malformed, the last valid value stays in force, and an error is logged.
pub struct Reloadable<T>(Arc<Inner<T>>);

struct Inner<T> {
    parsed: ArcSwap<Parsed<T>>,
    source: Option<Source<T>>,
}

struct Parsed<T> {
    /// The version of the secret that was parsed.
    version: u64,
    value: Arc<T>,
}

struct Source<T> {
    secret: Secret,
    settings: Settings,
    parse: fn(&Settings) -> Result<T, ConfigError>,
}

impl<T> Clone for Reloadable<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A value that never changes.
impl<T: Clone> From<&T> for Reloadable<T> {
    fn from(value: &T) -> Self {
        Self::new(0, value.clone(), None)
    }
}

impl Settings {
    /// Parses a part of the settings now, and again whenever the secret has changed.
    ///
    /// # Errors
    ///
    /// The errors of `parse` for the current values.
    pub fn reloadable<T>(
        &self,
        parse: fn(&Self) -> Result<T, ConfigError>,
    ) -> Result<Reloadable<T>, ConfigError> {
        let Some(secret) = self.secret().cloned() else {
            return Ok(Reloadable::new(0, parse(self)?, None));
        };
        let (version, values) = secret.latest();
        let settings = self.with_values(values);
        let value = parse(&settings)?;
        let source = Source {
            secret,
            settings,
            parse,
        };
        Ok(Reloadable::new(version, value, Some(source)))
    }
}

impl<T> Reloadable<T> {
    fn new(version: u64, value: T, source: Option<Source<T>>) -> Self {
        let value = Arc::new(value);
        Self(Arc::new(Inner {
            parsed: ArcSwap::from_pointee(Parsed { version, value }),
            source,
        }))
    }

    /// The value by the last reading of the secret.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        let parsed = self.0.parsed.load();
        let Some(source) = &self.0.source else {
            return parsed.value.clone();
        };
        if source.secret.version() == parsed.version {
            return parsed.value.clone();
        }
        let (version, values) = source.secret.latest();
        let value = match (source.parse)(&source.settings.with_values(values)) {
            Ok(value) => Arc::new(value),
            Err(error) => {
                tracing::error!(%error, "changed secret rejected, last valid value kept");
                parsed.value.clone()
            }
        };
        let parsed = Parsed {
            version,
            value: value.clone(),
        };
        self.0.parsed.store(Arc::new(parsed));
        value
    }

    /// A value other than `seen`, or `None`.
    ///
    /// Reads the secret again unless another request has just done so; `reason` limits how often.
    pub async fn renewed(&self, seen: &Arc<T>, reason: RefreshReason) -> Option<Arc<T>> {
        let other = || Some(self.current()).filter(|current| !Arc::ptr_eq(current, seen));
        if let Some(current) = other() {
            return Some(current);
        }
        self.0.source.as_ref()?.secret.read_again(reason).await;
        other()
    }
}
