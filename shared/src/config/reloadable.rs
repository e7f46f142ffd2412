use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{ConfigError, Settings};
use crate::secret::{RefreshReason, Secret};

/// A part of the configuration that follows the secret: it is parsed anew once that has been read again and has changed.
/// Clones share what is known.
///
/// A secret that was changed to something malformed changes nothing here but a line in the log: what was known stays.
pub struct Reloadable<T>(Arc<Inner<T>>);

struct Inner<T> {
    known: ArcSwap<Known<T>>,
    source: Option<Source<T>>,
}

struct Known<T> {
    version: u64,
    value: Arc<T>,
}

struct Source<T> {
    secret: Secret,
    parse: fn(&Settings) -> Result<T, ConfigError>,
}

impl<T> Clone for Reloadable<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A value that no secret changes.
impl<T: Clone> From<&T> for Reloadable<T> {
    fn from(value: &T) -> Self {
        Self::new(0, value.clone(), None)
    }
}

impl Settings {
    /// The part that `parse` takes out of the settings, now and whenever the secret has changed.
    ///
    /// # Errors
    ///
    /// Those of `parse`, now.
    pub fn reloadable<T>(
        &self,
        parse: fn(&Self) -> Result<T, ConfigError>,
    ) -> Result<Reloadable<T>, ConfigError> {
        let Some(secret) = self.secret().cloned() else {
            return Ok(Reloadable::new(0, parse(self)?, None));
        };
        let (version, settings) = secret.latest();
        let value = parse(&settings)?;
        Ok(Reloadable::new(
            version,
            value,
            Some(Source { secret, parse }),
        ))
    }
}

impl<T> Reloadable<T> {
    fn new(version: u64, value: T, source: Option<Source<T>>) -> Self {
        let value = Arc::new(value);
        Self(Arc::new(Inner {
            known: ArcSwap::from_pointee(Known { version, value }),
            source,
        }))
    }

    /// What the last reading of the secret tells.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        let known = self.0.known.load();
        let Some(source) = &self.0.source else {
            return known.value.clone();
        };
        if source.secret.version() == known.version {
            return known.value.clone();
        }
        let (version, settings) = source.secret.latest();
        let value = match (source.parse)(&settings) {
            Ok(value) => Arc::new(value),
            Err(error) => {
                tracing::error!(%error, "the secret has changed, and is not taken: what was known before stays");
                known.value.clone()
            }
        };
        let known = Known {
            version,
            value: value.clone(),
        };
        self.0.known.store(Arc::new(known));
        value
    }

    /// What the secret tells now, if that is not what was `seen`: the secret is read again where nobody has done so since,
    /// and where `reason` allows it.
    pub async fn renewed(&self, seen: &Arc<T>, reason: RefreshReason) -> Option<Arc<T>> {
        let other = || Some(self.current()).filter(|current| !Arc::ptr_eq(current, seen));
        if let Some(current) = other() {
            return Some(current);
        }
        self.0.source.as_ref()?.secret.read_again(reason).await;
        other()
    }
}
