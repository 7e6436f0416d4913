//! The schema registry's client: Confluent's API, as Confluent and Apicurio answer it.
//!
//! `apply` uses it, and whoever meets a schema id that the catalog does not know. Every call ends within the
//! configuration's timeout, tries again included, and is safe to repeat: the same schema under the same subject has the
//! same id. What gets registered is a schema's text as its authors wrote it, without white space; never the Parsing
//! Canonical Form, which would lose documentation, defaults and logical types.
//!
//! It stands on schema_registry_converter, which looks schemas up, registers them, and reads them by id and by subject.
//! The other calls are ours: it has none for compatibility levels and for where an id is used, and its compatibility
//! check tells no reasons and takes a subject that is not there yet for an error. Its calls and ours alike go through
//! one `Gate`, since by itself it reads an answer of any length, tells a refusal's status in prose only, and shows
//! credentials in its `Debug`.

mod answer;
pub mod embedded;
mod error;
mod gate;

pub use answer::{CompatibilityCheck, Found, Version};
pub use error::{ErrorKind, RegistryError};

use crate::config;
use gate::{Auth, Gate};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url, header};
use schema_registry_converter::{
    async_impl::schema_registry::{SrSettings, perform_sr_call},
    schema_registry_common::{RawRegisteredSchema, SrCall},
};
use serde_json::Value;
use std::time::Duration;
use tidegate_contracts::{contract::Compatibility, schema::Schema};
use tokio::time::Instant;

/// Waits before each further try of a call whose connection failed or whose server was overloaded.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// What of a subject stands in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A client of one registry. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Registry {
    gate: Gate,
    /// For schema_registry_converter's calls.
    settings: SrSettings,
    base: Url,
    timeout: Duration,
}

impl Registry {
    /// Makes a client; nothing is connected before the first call. Reads the secret and the certificates. Installs ring
    /// as the process's TLS provider when there is none yet.
    ///
    /// # Errors
    /// When the URL, the secret or the certificates cannot be used.
    pub fn new(config: &config::Registry) -> Result<Self, RegistryError> {
        let base = parse_url(&config.url)?;
        let wrong = |message: String| RegistryError::configuration(&config.url, message);
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may be first; then its provider is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let auth = config.auth.as_ref().map(read_auth).transpose().map_err(wrong)?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the credentials along, and most often leads to a login page.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let http = match &config.ca {
            Some(file) => http.tls_certs_merge(certificates(file).map_err(wrong)?),
            // Without TLS the system's certificates are not looked for: slim images have none, which would be an error.
            None if base.scheme() == "http" => http.tls_certs_only([]),
            None => http,
        };
        let gate = Gate::new(http.build().map_err(|error| wrong(error::causes(&error)))?, auth);
        let settings = SrSettings::new_builder(base.as_str().trim_end_matches('/').to_owned())
            .with_middleware(gate.clone())
            // Never asked: the gate has its own.
            .build_with(reqwest::Client::builder().tls_certs_only([]))
            .map_err(|error| wrong(error::causes(&error)))?;
        Ok(Self { gate, settings, base, timeout: config.timeout })
    }

    /// The same registry with another bound on each call.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Finds a schema under a subject; `None` when it is not there.
    ///
    /// # Errors
    /// When the registry cannot be asked or answers nonsense.
    pub async fn look_up(&self, subject: &str, schema: &Schema) -> Result<Option<Found>, RegistryError> {
        let doing = format!("look up a schema under `{subject}`");
        let subject = self.escaped(subject, &doing)?;
        let found = self.converted(&doing, SrCall::PostForVersion(&subject, &schema_body(schema))).await;
        self.or_absent(&doing, found, answer::found)
    }

    /// Registers a schema under a subject and returns its id, after making sure that the id stands for that schema. One
    /// that is there already keeps its id.
    ///
    /// # Errors
    /// [`ErrorKind::Incompatible`] when the subject's level forbids it, else as every call.
    pub async fn register(&self, subject: &str, schema: &Schema) -> Result<u32, RegistryError> {
        let doing = format!("register a schema under `{subject}`");
        let subject = self.escaped(subject, &doing)?;
        let registered = self.converted(&doing, SrCall::PostNew(&subject, &schema_body(schema))).await;
        let id = self.read(&doing, registered, |registered| registered.id)?;
        let registered = self.schema(id).await?;
        // Registries keep the text or a rewriting of it; what it encodes must be the same.
        let same = registered == schema.text()
            || Schema::parse(&registered).is_ok_and(|found| found.fingerprint() == schema.fingerprint());
        match same {
            true => Ok(id),
            false => {
                let lie = format!("it answered id {id}, which it says is another schema");
                Err(self.error(&doing, ErrorKind::Nonsense(lie)))
            }
        }
    }

    /// Whether the subject's level allows a schema beside those that are there; a subject that is not there allows any.
    ///
    /// # Errors
    /// As every call.
    pub async fn check(&self, subject: &str, schema: &Schema) -> Result<CompatibilityCheck, RegistryError> {
        let doing = format!("check a schema against `{subject}`");
        let path = format!("compatibility/subjects/{}/versions?verbose=true", self.escaped(subject, &doing)?);
        let answer = self.call(&doing, Method::POST, &path, Some(schema_body(schema))).await;
        Ok(self.or_absent(&doing, answer, answer::check)?.unwrap_or_default())
    }

    /// The subject's own compatibility level. `None` when it has none and the registry's applies; Apicurio does not
    /// tell that from `NONE`.
    ///
    /// # Errors
    /// As every call.
    pub async fn level(&self, subject: &str) -> Result<Option<Compatibility>, RegistryError> {
        let doing = format!("read the compatibility level of `{subject}`");
        let path = format!("config/{}", self.escaped(subject, &doing)?);
        let answer = self.call(&doing, Method::GET, &path, None).await;
        self.or_absent(&doing, answer, answer::level)
    }

    /// Sets the subject's compatibility level; it need not be there yet.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_level(&self, subject: &str, level: Compatibility) -> Result<(), RegistryError> {
        let doing = format!("set the compatibility level of `{subject}`");
        let path = format!("config/{}", self.escaped(subject, &doing)?);
        // Apicurio refuses further members, such as `normalize`.
        let body = serde_json::json!({ "compatibility": level }).to_string();
        let put = || self.call(&doing, Method::PUT, &path, Some(body.clone()));
        let answer = match put().await {
            // Of two who set a subject's first level at once, Apicurio refuses the second; by then it can be changed.
            Err(error) if matches!(error.kind(), ErrorKind::Incompatible(_)) => put().await,
            answer => answer,
        };
        match self.read(&doing, answer, answer::level)? {
            set if set == level => Ok(()),
            _ => Err(self.error(&doing, ErrorKind::Nonsense("it set another level".to_owned()))),
        }
    }

    /// The text of the schema with an id.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none, else as every call.
    pub async fn schema(&self, id: u32) -> Result<String, RegistryError> {
        let doing = format!("read schema {id}");
        let schema = self.converted(&doing, SrCall::GetById(id)).await;
        self.read(&doing, schema, answer::schema)
    }

    /// The subjects and versions under which the schema with an id stands; `None` when there is no such schema.
    ///
    /// # Errors
    /// As every call.
    pub async fn uses_of(&self, id: u32) -> Result<Option<Vec<(String, u32)>>, RegistryError> {
        let doing = format!("read where schema {id} is used");
        // Confluent's `…/subjects` is not there in Apicurio, `…/versions` is there in both.
        let answer = self.call(&doing, Method::GET, &format!("schemas/ids/{id}/versions"), None).await;
        self.or_absent(&doing, answer, answer::uses)
    }

    /// The last version of a subject; `None` when it is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn latest(&self, subject: &str) -> Result<Option<Version>, RegistryError> {
        let doing = format!("read the last version of `{subject}`");
        let subject = self.escaped(subject, &doing)?;
        let latest = self.converted(&doing, SrCall::GetLatest(&subject)).await;
        self.or_absent(&doing, latest, answer::version)
    }

    /// A subject as it stands in a path. schema_registry_converter escapes the slash only, and finds none here.
    fn escaped(&self, subject: &str, doing: &str) -> Result<String, RegistryError> {
        // A path cannot carry these as a segment, escaped or not.
        if matches!(subject, "" | "." | "..") {
            let why = "a subject cannot be empty, `.` or `..`".to_owned();
            return Err(self.error(doing, ErrorKind::Invalid(why)));
        }
        Ok(utf8_percent_encode(subject, PLAIN).to_string())
    }

    /// One of schema_registry_converter's calls.
    async fn converted(&self, doing: &str, call: SrCall<'_>) -> Result<RawRegisteredSchema, RegistryError> {
        let attempt = || async { perform_sr_call(&self.settings, call).await.map_err(|error| gate::kind_of(&error)) };
        self.tried(doing, attempt).await
    }

    /// One of ours, to a path below the registry's URL.
    async fn call(
        &self,
        doing: &str,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Value, RegistryError> {
        let url = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        let attempt = || async {
            let mut request = self.gate.request(method.clone(), &url);
            if let Some(body) = &body {
                request = request.header(header::CONTENT_TYPE, gate::MEDIA_TYPE).body(body.clone());
            }
            let answer = self.gate.pass(request.build().map_err(|error| ErrorKind::of(&error))?).await?;
            // The gate lets nothing pass that is no JSON.
            serde_json::from_slice(&answer).map_err(|_| answer::of_another_shape())
        };
        self.tried(doing, attempt).await
    }

    /// A call with its further tries, all within the timeout.
    async fn tried<T, A>(&self, doing: &str, attempt: impl Fn() -> A) -> Result<T, RegistryError>
    where
        A: Future<Output = Result<T, ErrorKind>>,
    {
        let deadline = Instant::now() + self.timeout;
        let mut pauses = PAUSES.iter();
        loop {
            let kind = match tokio::time::timeout_at(deadline, attempt()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(kind)) => kind,
                Err(_) => ErrorKind::Unreachable(format!("it gave no answer within {:?}", self.timeout)),
            };
            match pauses.next() {
                Some(pause) if kind.may_pass() && Instant::now() + *pause < deadline => {
                    tokio::time::sleep(*pause).await;
                }
                _ => return Err(self.error(doing, kind)),
            }
        }
    }

    /// Reads what was asked for; that it is not there is an error.
    fn read<A, T>(
        &self,
        doing: &str,
        answer: Result<A, RegistryError>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<T, RegistryError> {
        read(answer?).ok_or_else(|| self.error(doing, answer::of_another_shape()))
    }

    /// Reads what was asked for, or `None` when it is not there.
    fn or_absent<A, T>(
        &self,
        doing: &str,
        answer: Result<A, RegistryError>,
        read: impl FnOnce(A) -> Option<T>,
    ) -> Result<Option<T>, RegistryError> {
        match answer {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => Ok(None),
            answer => self.read(doing, answer, read).map(Some),
        }
    }

    fn error(&self, doing: &str, kind: ErrorKind) -> RegistryError {
        RegistryError::new(&self.base, doing, kind, self.gate.signs_in())
    }
}

fn parse_url(text: &str) -> Result<Url, RegistryError> {
    let wrong = |message: &str| RegistryError::configuration(text, message.to_owned());
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials do not belong in the URL; give them as `auth`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it must have no query and no fragment"));
    }
    Ok(url)
}

fn read_auth(auth: &config::RegistryAuth) -> Result<Auth, String> {
    let (config::RegistryAuth::Basic(secret) | config::RegistryAuth::Bearer(secret)) = auth;
    let revealed = secret.reveal().map_err(|error| error::causes(&error))?;
    match auth {
        config::RegistryAuth::Basic(_) if !revealed.expose().contains(':') => {
            Err(format!("{secret} must hold `user:password`"))
        }
        config::RegistryAuth::Basic(_) => Ok(Auth::Basic(revealed)),
        config::RegistryAuth::Bearer(_) => match header::HeaderValue::try_from(revealed.expose()) {
            Ok(_) => Ok(Auth::Bearer(revealed)),
            Err(_) => Err(format!("{secret} holds characters that a header cannot carry")),
        },
    }
}

fn certificates(file: &std::path::Path) -> Result<Vec<reqwest::Certificate>, String> {
    let named = |why: String| format!("the certificates in `{}`: {why}", file.display());
    let pem = std::fs::read(file).map_err(|error| named(error.to_string()))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(found) if found.is_empty() => Err(named("there are none; PEM is expected".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(named(error::causes(&error))),
    }
}

fn schema_body(schema: &Schema) -> String {
    // Without `schemaType`: Avro is the default, and the oldest registries do not know the member.
    serde_json::json!({ "schema": schema.text() }).to_string()
}

#[cfg(test)]
mod tests;
