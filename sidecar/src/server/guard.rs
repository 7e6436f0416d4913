//! Who may call a listener: bearers of a token, holders of a client certificate, or anyone.

use super::{fresh::Fresh, tls};
use crate::{
    config::{Secret, Security},
    problem::Problem,
};
use hyper::{HeaderMap, StatusCode, Version, header};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};
use subtle::{Choice, ConstantTimeEq as _};
use tokio_rustls::TlsAcceptor;

/// Guards a listener.
#[derive(Debug, Default)]
pub struct Guard {
    tokens: Option<Fresh<Vec<String>>>,
    tls: Option<Fresh<TlsAcceptor>>,
    mutual: bool,
    anyone: bool,
}

/// Why a listener cannot be guarded as it should be.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be used: {reason}")]
pub struct GuardError {
    what: &'static str,
    reason: String,
}

/// The listener that is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The data listener.
    Data,
    /// The admin listener, which may have tokens of its own.
    Admin,
}

impl Guard {
    /// Lets anyone in, wherever they come from.
    pub fn anyone() -> Self {
        Self { anyone: true, ..Self::default() }
    }

    /// What the configuration says. Reads the files.
    ///
    /// # Errors
    /// When a file cannot be read, or does not hold what it should.
    pub fn new(security: &Security, of: Of) -> Result<Self, GuardError> {
        let tokens = match of {
            Of::Data => security.tokens.as_ref(),
            Of::Admin => security.admin_tokens.as_ref().or(security.tokens.as_ref()),
        };
        let tokens = tokens.map(|secret| {
            let source = secret.clone();
            Fresh::new("the tokens", files([secret]), Box::new(move || read_tokens(&source)))
                .map_err(|reason| GuardError { what: "`security.tokens`", reason })
        });
        let tls = security.tls.as_ref().map(|config| {
            let source = config.clone();
            let mut watched = files([&config.key]);
            watched.push(config.certificate.clone());
            watched.extend(config.client_ca.clone());
            Fresh::new("the certificates", watched, Box::new(move || tls::acceptor(&source)))
                .map_err(|reason| GuardError { what: "`security.tls`", reason })
        });
        Ok(Self {
            tokens: tokens.transpose()?,
            tls: tls.transpose()?,
            mutual: security.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()),
            anyone: security.allow_anonymous,
        })
    }

    /// Whether it can stand towards the network: it asks for something, or was told that it need not.
    pub(super) fn protects(&self) -> bool {
        self.tokens.is_some() || self.mutual || self.anyone
    }

    pub(super) fn tls(&self) -> Option<TlsAcceptor> {
        self.tls.as_ref().map(|tls| TlsAcceptor::clone(&tls.get()))
    }

    /// Lets a request in, or says why not.
    pub(super) fn check(&self, version: Version, headers: &HeaderMap) -> Result<(), Box<Problem>> {
        self.check_token(headers)?;
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next();
        if hosts.next().is_some() || (host.is_none() && version == Version::HTTP_11) {
            let detail = "a request has one host header";
            return Err(Box::new(Problem::new(StatusCode::BAD_REQUEST, "host", "Bad host", detail)));
        }
        // A web page can give its own name this machine's address, and its scripts could then publish here.
        if !self.protects() && !host.is_some_and(|host| is_local(host.as_bytes())) {
            let detail = "this listener asks for no token, and so answers only to localhost and to IP addresses, lest web \
                          pages reach it by a name of their own; call it by one of those, give `security.tokens`, or set \
                          `security.allowAnonymous: true`";
            let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "host", "Misdirected request", detail);
            return Err(Box::new(problem.header(header::CONNECTION, "close")));
        }
        Ok(())
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Box<Problem>> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (first, second) = (given.next(), given.next());
        let token = first.filter(|_| second.is_none()).and_then(|value| bearer(value.as_bytes()));
        let Some(token) = token else {
            return Err(denied("this listener wants `authorization: Bearer TOKEN`", "Bearer realm=\"tidegate\""));
        };
        // Each is compared, whichever fits, and each in constant time: only lengths can show.
        let fits = tokens.get().iter().fold(Choice::from(0), |fits, known| fits | known.as_bytes().ct_eq(token));
        match fits.into() {
            true => Ok(()),
            false => {
                let challenge = "Bearer realm=\"tidegate\", error=\"invalid_token\"";
                Err(denied("the token is not one of this listener's", challenge))
            }
        }
    }

    /// Reads tokens and certificates again, if their files have changed. They are also looked at while in use.
    pub fn refresh(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.refresh();
        }
        if let Some(tls) = &self.tls {
            tls.refresh();
        }
    }
}

/// Whether a `Host` is localhost or an IP address, at whatever port.
fn is_local(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let (name, port) = match host.rsplit_once(':') {
        // Within brackets it is part of an address.
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    let address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(name) => name.parse::<Ipv6Addr>().is_ok(),
        None => name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok(),
    };
    address && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn denied(detail: &str, challenge: &str) -> Box<Problem> {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized", detail);
    // Who was not let in keeps no place.
    Box::new(problem.header(header::WWW_AUTHENTICATE, challenge).header(header::CONNECTION, "close"))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii()).filter(|token| !token.is_empty())
}

/// One token a line; empty lines and those that begin with `#` do not count.
fn read_tokens(secret: &Secret) -> Result<Vec<String>, String> {
    let text = secret.reveal().map_err(|error| error.to_string())?;
    let lines = text.expose().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let tokens: Vec<String> = lines.map(str::to_owned).collect();
    match tokens.is_empty() {
        true => Err(format!("there is no token in {secret}")),
        false => Ok(tokens),
    }
}

fn files<const N: usize>(secrets: [&Secret; N]) -> Vec<PathBuf> {
    let file = |secret: &Secret| match secret {
        Secret::File(path) => Some(path.clone()),
        Secret::Env(_) => None,
    };
    secrets.into_iter().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(content: &str) -> (tempfile::TempDir, Result<Guard, GuardError>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, content).unwrap();
        let security = Security { tokens: Some(Secret::File(file)), ..Security::default() };
        (folder, Guard::new(&security, Of::Data))
    }

    #[test]
    fn any_of_the_tokens_opens_and_nothing_else() {
        let (_folder, guard) = guard("# rotated in March\nold-token\n\n  new-token  \n");
        let guard = guard.unwrap();
        let check = |given: &[&str], expected: bool| {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(guard.check_token(&headers).is_ok(), expected, "{given:?}");
        };
        check(&["Bearer old-token"], true);
        check(&["bearer new-token"], true);
        check(&["Bearer  new-token "], true);
        check(&["Bearer # rotated in March"], false);
        check(&["Bearer old-toke"], false);
        check(&["Bearer old-token2"], false);
        check(&["Bearer "], false);
        check(&["Basic old-token"], false);
        check(&["old-token"], false);
        check(&[""], false);
        check(&[], false);
        check(&["Bearer old-token", "Bearer old-token"], false);
    }

    #[test]
    fn names_are_answered_only_where_something_guards() {
        let check = |guard: &Guard, version: Version, hosts: &[&str], expected: Option<u16>| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            let found = guard.check(version, &headers).err().map(|problem| problem.status().as_u16());
            assert_eq!(found, expected, "{version:?} {hosts:?}");
        };
        let (open, told) = (Guard::default(), Guard::anyone());
        for local in
            ["localhost", "LocalHost:7070", "127.0.0.1", "127.0.0.1:7070", "10.1.2.3:80", "[::1]", "[::1]:7070"]
        {
            check(&open, Version::HTTP_11, &[local], None);
        }
        for name in [
            "evil.example",
            "evil.example:7070",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "x",
            "",
            "[::1",
            "::1",
            "[evil]",
            "127.0.0.1:x",
            "user@localhost",
            "localhost:1:2",
            "127.1",
        ] {
            check(&open, Version::HTTP_11, &[name], Some(421));
            check(&told, Version::HTTP_11, &[name], None);
        }
        check(&told, Version::HTTP_11, &["a", "a"], Some(400));
        check(&open, Version::HTTP_11, &["localhost", "localhost"], Some(400));
        check(&told, Version::HTTP_11, &[], Some(400));
        check(&told, Version::HTTP_10, &[], None);
        check(&open, Version::HTTP_10, &[], Some(421));
    }

    #[test]
    fn a_file_without_tokens_is_an_error() {
        for content in ["\n", "# nobody\n"] {
            let (_folder, guard) = guard(content);
            assert!(guard.is_err(), "{content:?}");
        }
    }

    #[test]
    fn what_is_open_to_the_network_has_to_ask_for_something() {
        let (_folder, with_tokens) = guard("t\n");
        assert!(with_tokens.unwrap().protects());
        assert!(Guard::anyone().protects());
        assert!(!Guard::new(&Security::default(), Of::Data).unwrap().protects());
        let told = Security { allow_anonymous: true, ..Security::default() };
        assert!(Guard::new(&told, Of::Data).unwrap().protects());
    }
}
