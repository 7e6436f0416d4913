//! The schema registry's client: Confluent's API, as Confluent and Apicurio answer it.
//!
//! `apply` uses it, and whoever meets a schema id that the catalog does not know. Every call ends within the
//! configuration's timeout, tries again included, and is safe to repeat: the same schema under the same subject has the
//! same id. What gets registered is a schema's text as its authors wrote it, without white space; never the Parsing
//! Canonical Form, which would lose documentation, defaults and logical types.

mod answer;
pub mod embedded;
mod error;

pub use answer::{CompatibilityCheck, Found, Version};
pub use error::{ErrorKind, RegistryError};

use crate::config;
use answer::{Body, Checked};
use reqwest::{Method, Url, header};
use std::time::Duration;
use tidegate_contracts::{contract::Compatibility, schema::Schema};
use tokio::time::Instant;

/// Larger answers are nonsense: a schema is at most 1 MiB.
const MAX_ANSWER: usize = 8 << 20;

/// Waits before each further try of a call whose connection failed or whose server was overloaded.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json;q=0.9";

/// A client of one registry. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Registry {
    http: reqwest::Client,
    base: Url,
    auth: Option<Auth>,
    timeout: Duration,
}

/// How to sign in, with the secret read.
#[derive(Debug, Clone)]
enum Auth {
    /// `user:password`
    Basic(config::Revealed),
    Bearer(config::Revealed),
}

/// One call of the API.
struct Call<'a> {
    /// What it is for, as an error says it: "register a schema under `x`".
    doing: String,
    method: Method,
    path: &'a [&'a str],
    query: Option<&'static str>,
    body: Option<String>,
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
        let http = http.build().map_err(|error| wrong(error::causes(&error)))?;
        Ok(Self { http, base, auth, timeout: config.timeout })
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
        let call = Call {
            doing: format!("look up a schema under `{subject}`"),
            method: Method::POST,
            path: &["subjects", subject],
            query: None,
            body: Some(schema_body(schema)),
        };
        self.call(call, |answer| answer.or_absent(Body::found)).await
    }

    /// Registers a schema under a subject and returns its id, after making sure that the id stands for that schema. One
    /// that is there already keeps its id.
    ///
    /// # Errors
    /// [`ErrorKind::Incompatible`] when the subject's level forbids it, else as every call.
    pub async fn register(&self, subject: &str, schema: &Schema) -> Result<u32, RegistryError> {
        let doing = format!("register a schema under `{subject}`");
        let call = Call {
            doing: doing.clone(),
            method: Method::POST,
            path: &["subjects", subject, "versions"],
            query: None,
            body: Some(schema_body(schema)),
        };
        let id = self.call(call, |answer| answer.read(Body::id)).await?;
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
        let call = Call {
            doing: format!("check a schema against `{subject}`"),
            method: Method::POST,
            path: &["compatibility", "subjects", subject, "versions"],
            query: Some("verbose=true"),
            body: Some(schema_body(schema)),
        };
        Ok(self.call(call, |answer| answer.or_absent(Body::check)).await?.unwrap_or_default())
    }

    /// The subject's own compatibility level. `None` when it has none and the registry's applies; Apicurio does not
    /// tell that from `NONE`.
    ///
    /// # Errors
    /// As every call.
    pub async fn level(&self, subject: &str) -> Result<Option<Compatibility>, RegistryError> {
        let doing = format!("read the compatibility level of `{subject}`");
        self.call(get(doing, &["config", subject]), |answer| answer.or_absent(Body::level)).await
    }

    /// Sets the subject's compatibility level; it need not be there yet.
    ///
    /// # Errors
    /// As every call.
    pub async fn set_level(&self, subject: &str, level: Compatibility) -> Result<(), RegistryError> {
        let doing = format!("set the compatibility level of `{subject}`");
        let call = Call {
            doing: doing.clone(),
            method: Method::PUT,
            path: &["config", subject],
            query: None,
            // Apicurio refuses further members, such as `normalize`.
            body: Some(serde_json::json!({ "compatibility": level }).to_string()),
        };
        match self.call(call, |answer| answer.read(Body::level)).await? {
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
        self.call(get(doing, &["schemas", "ids", &id.to_string()]), |answer| answer.read(Body::schema)).await
    }

    /// The subjects and versions under which the schema with an id stands; `None` when there is no such schema.
    ///
    /// # Errors
    /// As every call.
    pub async fn uses_of(&self, id: u32) -> Result<Option<Vec<(String, u32)>>, RegistryError> {
        let doing = format!("read where schema {id} is used");
        // Confluent's `…/subjects` is not there in Apicurio, `…/versions` is there in both.
        let path = ["schemas", "ids", &id.to_string(), "versions"];
        self.call(get(doing, &path), |answer| answer.or_absent(Body::uses)).await
    }

    /// The last version of a subject; `None` when it is not there.
    ///
    /// # Errors
    /// As every call.
    pub async fn latest(&self, subject: &str) -> Result<Option<Version>, RegistryError> {
        let doing = format!("read the last version of `{subject}`");
        let path = ["subjects", subject, "versions", "latest"];
        self.call(get(doing, &path), |answer| answer.or_absent(Body::version)).await
    }

    fn error(&self, doing: &str, kind: ErrorKind) -> RegistryError {
        RegistryError::new(&self.base, doing, kind, self.auth.is_some())
    }

    /// One call with its further tries, all within the timeout.
    async fn call<T>(
        &self,
        call: Call<'_>,
        read: impl FnOnce(Checked) -> Result<T, ErrorKind>,
    ) -> Result<T, RegistryError> {
        let deadline = Instant::now() + self.timeout;
        let url = call.url(&self.base).map_err(|kind| self.error(&call.doing, kind))?;
        let mut pauses = PAUSES.iter();
        let answer = loop {
            let attempt = tokio::time::timeout_at(deadline, self.attempt(&call, url.clone())).await;
            let kind = match attempt {
                Ok(Ok(answer)) => break Ok(answer),
                Ok(Err(kind)) => kind,
                Err(_) => break Err(ErrorKind::Unreachable(format!("it gave no answer within {:?}", self.timeout))),
            };
            match pauses.next() {
                Some(pause) if kind.may_pass() && Instant::now() + *pause < deadline => {
                    tokio::time::sleep(*pause).await;
                }
                _ => break Err(kind),
            }
        };
        answer.and_then(read).map_err(|kind| self.error(&call.doing, kind))
    }

    async fn attempt(&self, call: &Call<'_>, url: Url) -> Result<Checked, ErrorKind> {
        let mut request = self.http.request(call.method.clone(), url).header(header::ACCEPT, ACCEPTED);
        if let Some(body) = &call.body {
            request = request.header(header::CONTENT_TYPE, MEDIA_TYPE).body(body.clone());
        }
        request = match &self.auth {
            Some(Auth::Basic(secret)) => {
                let (user, password) = secret.expose().split_once(':').unwrap_or((secret.expose(), ""));
                request.basic_auth(user, Some(password))
            }
            Some(Auth::Bearer(secret)) => request.bearer_auth(secret.expose()),
            None => request,
        };
        let mut response = request.send().await.map_err(|error| ErrorKind::of(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| ErrorKind::of(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(ErrorKind::Nonsense(format!("its answer is longer than {} MiB", MAX_ANSWER >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        answer::check(response.status().as_u16(), &body)
    }
}

impl Call<'_> {
    fn url(&self, base: &Url) -> Result<Url, ErrorKind> {
        // An URL cannot carry these as a segment, escaped or not.
        if self.path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(ErrorKind::Invalid("a subject cannot be empty, `.` or `..`".to_owned()));
        }
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(self.path);
        }
        url.set_query(self.query);
        Ok(url)
    }
}

fn get<'a>(doing: String, path: &'a [&'a str]) -> Call<'a> {
    Call { doing, method: Method::GET, path, query: None, body: None }
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
