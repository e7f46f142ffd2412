//! A MongoDB URI in parts.

use std::fmt::Display;

/// A MongoDB URI that names one server.
#[derive(Debug, Clone, Copy)]
pub struct ServerUri<'a> {
    login: Option<&'a str>,
    host: &'a str,
    /// The database and the options, with the `/` or `?` before them.
    rest: &'a str,
}

impl<'a> ServerUri<'a> {
    /// Parses `mongodb://[USER:PASSWORD@]HOST[:PORT][/DATABASE][?OPTIONS]`.
    ///
    /// Returns `None` for several servers, and for `mongodb+srv://`, which may stand for several.
    #[must_use]
    pub fn parse(uri: &'a str) -> Option<Self> {
        let uri = uri.strip_prefix("mongodb://")?;
        let end = uri.find(['/', '?']).unwrap_or(uri.len());
        let (authority, rest) = uri.split_at(end);
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, authority),
        };
        let is_one = !host.is_empty() && !host.contains(',');
        is_one.then_some(Self { login, host, rest })
    }

    /// The server's `HOST:PORT`.
    #[must_use]
    pub fn server(&self) -> String {
        let has_port = self.host.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.chars().all(|digit| digit.is_ascii_digit())
        });
        if has_port {
            self.host.to_owned()
        } else {
            format!("{}:27017", self.host)
        }
    }

    /// The URI with another address, such as a proxy's. Login, database and options stay.
    ///
    /// It gets `directConnection=true`: otherwise the driver learns the server's own address and connects to that.
    #[must_use]
    pub fn at(&self, address: impl Display) -> String {
        let login = self.login.map(|login| format!("{login}@"));
        let login = login.unwrap_or_default();
        let separator = match self.rest {
            rest if rest.contains('?') => "&",
            rest if rest.starts_with('/') => "?",
            _ => "/?",
        };
        let direct = if self.rest.to_lowercase().contains("directconnection=") {
            String::new()
        } else {
            format!("{separator}directConnection=true")
        };
        format!("mongodb://{login}{address}{}{direct}", self.rest)
    }

    /// The URI with another `USER:PASSWORD`.
    #[must_use]
    pub fn with_login(&self, login: &str) -> String {
        format!("mongodb://{login}@{}{}", self.host, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_at_another_address_keeps_login_database_and_options() {
        let direct = "directConnection=true";
        for (uri, server, expected) in [
            (
                "mongodb://h:1/?directConnection=true",
                "h:1",
                "mongodb://p:2/?directConnection=true".to_owned(),
            ),
            ("mongodb://h:1", "h:1", format!("mongodb://p:2/?{direct}")),
            ("mongodb://h", "h:27017", format!("mongodb://p:2/?{direct}")),
            (
                "mongodb://h:1/atlas",
                "h:1",
                format!("mongodb://p:2/atlas?{direct}"),
            ),
            (
                "mongodb://h:1?appName=a",
                "h:1",
                format!("mongodb://p:2?appName=a&{direct}"),
            ),
            (
                "mongodb://[::1]/",
                "[::1]:27017",
                format!("mongodb://p:2/?{direct}"),
            ),
            (
                // The login contains the host's name.
                "mongodb://h:1@h:1/?authSource=admin&appName=h:1",
                "h:1",
                format!("mongodb://h:1@p:2/?authSource=admin&appName=h:1&{direct}"),
            ),
            (
                "mongodb://ada:p%40ss%2Fword@h:1/atlas?tls=true",
                "h:1",
                format!("mongodb://ada:p%40ss%2Fword@p:2/atlas?tls=true&{direct}"),
            ),
        ] {
            let parsed = ServerUri::parse(uri).expect(uri);
            assert_eq!(parsed.server(), server, "{uri}");
            assert_eq!(parsed.at("p:2"), expected, "{uri}");
        }
    }

    #[test]
    fn with_login_replaces_the_login() {
        for (uri, expected) in [
            ("mongodb://h:1/?a=b", "mongodb://x:y@h:1/?a=b"),
            ("mongodb://ada:pass@h:1/?a=b", "mongodb://x:y@h:1/?a=b"),
        ] {
            let parsed = ServerUri::parse(uri).expect(uri);
            assert_eq!(parsed.with_login("x:y"), expected);
        }
    }

    #[test]
    fn uri_that_may_name_several_servers_is_none() {
        for uri in [
            "mongodb+srv://h/",
            "mongodb://a:1,b:2/",
            "mongodb://",
            "http://h:1/",
        ] {
            assert!(ServerUri::parse(uri).is_none(), "{uri}");
        }
    }
}
