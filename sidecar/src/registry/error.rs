//! What can go wrong with a registry, and what is probably behind it.

use crate::cli::Failure;
use reqwest::Url;
use std::error::Error;

/// A call to the registry that did not work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {doing} at the registry {registry}: {kind}")]
pub struct RegistryError {
    registry: String,
    doing: String,
    kind: ErrorKind,
    signed_in: bool,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// What it was told about the registry cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// No answer.
    #[error("{0}")]
    Unreachable(String),
    /// The credentials are missing, wrong, or not enough.
    #[error("it answered {0}")]
    Credentials(u16),
    /// The subject's compatibility level forbids the schema.
    #[error("the schema is not compatible: {0}")]
    Incompatible(String),
    /// What was asked for is not there.
    #[error("{0}")]
    NotFound(String),
    /// Nobody there serves the API.
    #[error("it knows no such path: {0}")]
    NoSuchPath(String),
    /// The registry does not take what it was sent.
    #[error("it refuses the request: {0}")]
    Invalid(String),
    /// The registry has trouble of its own.
    #[error("it answered {status}: {message}")]
    Server {
        /// The HTTP status.
        status: u16,
        /// What it said, shortened.
        message: String,
    },
    /// An answer that a registry would not give.
    #[error("{0}")]
    Nonsense(String),
}

impl RegistryError {
    pub(super) fn new(base: &Url, doing: &str, kind: ErrorKind, signed_in: bool) -> Self {
        Self { registry: base.to_string(), doing: doing.to_owned(), kind, signed_in }
    }

    pub(super) fn configuration(url: &str, message: String) -> Self {
        // The URL as given may hold a password.
        let mut shown = Url::parse(url);
        if let Ok(url) = &mut shown {
            let _ = url.set_password(None).and(url.set_username(""));
        }
        let registry = shown.map_or_else(|_| "whose `registry.url` is no URL".to_owned(), |url| url.to_string());
        let kind = ErrorKind::Configuration(message);
        Self { registry, doing: "sign in".to_owned(), kind, signed_in: false }
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether the registry could not be asked, so that it may be different later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unreachable(_) | ErrorKind::Server { .. } | ErrorKind::Nonsense(_))
    }

    /// What is probably behind it, and the way out.
    pub fn hint(&self) -> String {
        let apicurio = "for Apicurio `registry.url` ends in /apis/ccompat/v7";
        match &self.kind {
            ErrorKind::Configuration(_) => "correct `registry` in tidegate.yaml".to_owned(),
            ErrorKind::Unreachable(reason) => unreachable_hint(reason, &self.registry),
            ErrorKind::Credentials(_) if !self.signed_in => "it wants credentials: set `registry.auth`".to_owned(),
            ErrorKind::Credentials(403) => {
                "the account in `registry.auth` may not do this; ask whoever runs the registry".to_owned()
            }
            ErrorKind::Credentials(_) => "check the secret that `registry.auth` names; was it rotated?".to_owned(),
            ErrorKind::Incompatible(_) => {
                "make the change compatible (a new field needs a default), or release it as a new major".to_owned()
            }
            ErrorKind::NotFound(_) | ErrorKind::NoSuchPath(_) => format!("is this the right registry? {apicurio}"),
            ErrorKind::Invalid(_) => {
                "the schema passed `tidegate check`, so the registry may be of another kind or much older".to_owned()
            }
            ErrorKind::Server { .. } => "look into the registry's log, and try again".to_owned(),
            ErrorKind::Nonsense(_) => {
                format!("is there something else at this address, such as a proxy's login page? {apicurio}")
            }
        }
    }

    /// How a command ends because of it.
    pub fn into_failure(self) -> Failure {
        let failure = match self.is_unavailable() {
            true => Failure::unreachable(self.to_string()),
            false => Failure::refused(self.to_string()),
        };
        failure.hint(self.hint())
    }
}

impl ErrorKind {
    /// Of a request that got no answer.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        Self::Unreachable(causes(&error))
    }

    /// Whether another try may go better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            // Refused, reset, not resolved: it may be starting or moving.
            Self::Unreachable(_) => true,
            Self::Server { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            // An answer was given, and would be given again.
            _ => false,
        }
    }
}

fn unreachable_hint(reason: &str, registry: &str) -> String {
    let has = |part: &str| reason.contains(part);
    let https = registry.starts_with("https:");
    if has("UnknownIssuer") || has("BadSignature") {
        "its certificate is signed by an authority that is not known here: name it as `registry.ca`".to_owned()
    } else if has("certificate") || has("NotValidForName") {
        "its certificate is not for this name or time: check the host in `registry.url` and the clock".to_owned()
    } else if https && (has("InvalidContentType") || has("corrupt message") || has("wrong version")) {
        "it does not speak TLS there: should `registry.url` begin with http:// ?".to_owned()
    } else if !https && (has("invalid HTTP") || has("invalid Header") || has("parse")) {
        "it does not speak HTTP there: should `registry.url` begin with https:// ?".to_owned()
    } else if has("dns") || has("lookup") || has("resolve") {
        "its name cannot be resolved: check the host in `registry.url`".to_owned()
    } else if has("refused") {
        "nothing listens there: is it running, and are host and port in `registry.url` right?".to_owned()
    } else if has("no answer within") {
        "is something in between holding it up? `registry.timeout` is how long it may take".to_owned()
    } else {
        "is it running, and are host and port in `registry.url` right?".to_owned()
    }
}

/// An error and all that led to it, in one line. reqwest repeats the URL in its own; the caller names it already.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&said);
        }
        next = error.source();
    }
    text
}
