//! The database: its URI, its name, and the size of the connection pool.

use mongodb::options::{ConnectionString, Tls};
use secrecy::SecretString;

use super::{ConfigError, Environment, ReconcileConfig, Settings};

/// The most database operations that one request runs concurrently.
const OPERATIONS_AT_ONCE: u32 = 2;

/// The database's address, name and connection pool.
#[derive(Debug, Clone)]
pub struct MongoConfig {
    /// `MONGO_URI`: a connection string with valid syntax.
    pub uri: SecretString,
    /// `MONGO_DB`.
    pub database: String,
    /// The most connections: one for each concurrent request, and at least what a single request needs.
    pub max_pool_size: u32,
}

const SECURE: &str = "a connection string with TLS and valid certificates: use mongodb+srv://, or add tls=true, and remove \
    tlsInsecure, tlsAllowInvalidCertificates and tlsAllowInvalidHostnames. Only ENVIRONMENT=development allows a database \
    without TLS";

/// Returns whether the driver encrypts connections and checks certificates.
///
/// The driver ignores `tlsAllowInvalidHostnames` and always checks host names. The option is rejected, because its author
/// expects otherwise.
fn is_secure(uri: &str, parsed: &ConnectionString) -> bool {
    let Some(Tls::Enabled(options)) = &parsed.tls else {
        return false;
    };
    let allows_any_name = uri
        .to_ascii_lowercase()
        .rsplit_once('?')
        .is_some_and(|(_, options)| options.contains("tlsallowinvalidhostnames=true"));
    options.allow_invalid_certificates != Some(true) && !allows_any_name
}

impl Settings {
    /// Parses `MONGO_URI` and `MONGO_DB`.
    ///
    /// # Errors
    ///
    /// When `MONGO_URI` is missing, one of them is malformed, or production would connect without TLS.
    pub fn mongo(&self) -> Result<MongoConfig, ConfigError> {
        const EXPECTED: &str =
            "a MongoDB connection string, such as mongodb+srv://name:password@cluster.example.net/";
        let uri = self.values.required("MONGO_URI", EXPECTED)?;
        let parsed = ConnectionString::parse(uri)
            .map_err(|_| ConfigError::malformed("MONGO_URI", EXPECTED))?;
        if self.environment == Environment::Production && !is_secure(uri, &parsed) {
            return Err(ConfigError::malformed("MONGO_URI", SECURE));
        }
        let database = self.values.get("MONGO_DB")?.unwrap_or("atlas");
        if database.len() > 63 || database.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
            return Err(ConfigError::malformed(
                "MONGO_DB",
                "a database name: at most 63 bytes, without / \\ . \" $ or a space",
            ));
        }
        // Lambda sets it on managed instances. Without it, the runtime handles one request at a time.
        let at_once = self.values.get("AWS_LAMBDA_MAX_CONCURRENCY")?;
        let at_once: u32 = at_once.and_then(|text| text.parse().ok()).unwrap_or(1);
        Ok(MongoConfig {
            uri: uri.into(),
            database: database.to_owned(),
            max_pool_size: at_once.max(OPERATIONS_AT_ONCE),
        })
    }

    /// Like [`Settings::mongo`], with one connection for each call that `reconcile` works on concurrently.
    ///
    /// # Errors
    ///
    /// As [`Settings::mongo`].
    pub fn reconcile_mongo(&self) -> Result<MongoConfig, ConfigError> {
        Ok(MongoConfig {
            max_pool_size: ReconcileConfig::AT_ONCE.into(),
            ..self.mongo()?
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        Settings::from_pairs(pairs).unwrap()
    }

    #[test]
    fn error_names_the_variable_and_hides_its_value() {
        let missing = settings([]).mongo().unwrap_err().to_string();
        assert!(
            missing.starts_with("MONGO_URI is missing: set it to "),
            "{missing}"
        );
        for bad in ["postgres://pw-marked@h", "mongodb://", "pw-marked"] {
            let error = settings([("MONGO_URI", bad)])
                .mongo()
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("MONGO_URI is malformed: it must be "),
                "{error}"
            );
            assert!(!error.contains("pw-marked"), "{error}");
        }
        let uri = ("MONGO_URI", "mongodb+srv://h.example.net/");
        assert_eq!(settings([uri]).mongo().unwrap().database, "atlas");
        assert!(settings([uri, ("MONGO_DB", "a.b")]).mongo().is_err());
    }

    #[test]
    fn pool_has_one_connection_per_concurrent_request() {
        let uri = ("MONGO_URI", "mongodb+srv://h.example.net/");
        let size = |at_once| {
            settings([uri, ("AWS_LAMBDA_MAX_CONCURRENCY", at_once)])
                .mongo()
                .unwrap()
                .max_pool_size
        };
        assert_eq!(settings([uri]).mongo().unwrap().max_pool_size, 2);
        assert_eq!(["1", "64", "many"].map(size), [2, 64, 2]);
        let reconcile = settings([uri]).reconcile_mongo().unwrap();
        assert_eq!(reconcile.max_pool_size, 16);
    }

    #[test]
    fn production_requires_tls_with_valid_certificates() {
        for bad in [
            "mongodb://u:pa55word@h.example.net/",
            "mongodb://127.0.0.1:27017",
            "mongodb://%2Ftmp%2Fmongodb-27017.sock/",
            "mongodb://h.example.net/?tls=false",
            "mongodb://h.example.net/?SSL=false",
            "mongodb+srv://h.example.net/?tls=false",
            "mongodb+srv://h.example.net/?ssl=false&retryWrites=true",
            "mongodb+srv://h.example.net/?tlsInsecure=true",
            "mongodb+srv://h.example.net/?tlsAllowInvalidCertificates=true",
            "mongodb+srv://h.example.net/?TLSALLOWINVALIDCERTIFICATES=true",
            "mongodb+srv://h.example.net/?tlsAllowInvalidCertificates=false&tlsAllowInvalidCertificates=true",
            "mongodb+srv://h.example.net/?tlsAllowInvalidHostnames=true",
            "mongodb://h.example.net/?tls=true&tlsinsecure=true",
        ] {
            for environment in ["production", ""] {
                let pairs = [("MONGO_URI", bad), ("ENVIRONMENT", environment)];
                let error = settings(pairs).mongo().unwrap_err().to_string();
                assert!(
                    error.starts_with("MONGO_URI is malformed: it must be "),
                    "{bad}: {error}"
                );
                assert!(!error.contains("pa55word"), "{error}");
            }
            let development = settings([("MONGO_URI", bad), ("ENVIRONMENT", "development")]);
            let refused = development.mongo().err().map(|error| error.to_string());
            assert!(
                refused.is_none_or(|error| !error.contains("with TLS")),
                "{bad}"
            );
        }
        for good in [
            "mongodb+srv://u:p@h.example.net/",
            "mongodb+srv://h.example.net/?tls=true",
            "mongodb://a.example.net,b.example.net/?tls=true&replicaSet=r",
            "mongodb://h.example.net/?ssl=true",
            "mongodb+srv://h.example.net/?tlsAllowInvalidCertificates=false",
            "mongodb+srv://h.example.net/?tlsInsecure=false",
            "mongodb://h.example.net/?tlsCAFile=/etc/ca.pem",
        ] {
            assert!(settings([("MONGO_URI", good)]).mongo().is_ok(), "{good}");
        }
    }
}
