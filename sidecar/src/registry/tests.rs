use super::{embedded::EmbeddedRegistry, *};
use crate::config::{RegistryAuth, Secret};
use axum::{Router, body::Bytes, extract::Request, http::StatusCode, routing::any};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use std::{
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ORDER: &str = r#"{
    "type": "record", "name": "Order", "namespace": "sales", "doc": "An order", "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "when"}
    ]
}"#;

fn schema(text: &str) -> Schema {
    Schema::parse(text).unwrap()
}

fn order() -> Schema {
    schema(ORDER)
}

/// The order with one more field.
fn order_with(field: &str) -> Schema {
    schema(&ORDER.replace("\"doc\": \"when\"}", &format!("\"doc\": \"when\"}}, {field}")))
}

/// Serves until the test's runtime ends.
async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn config(url: &str) -> config::Registry {
    config::Registry { url: url.to_owned(), auth: None, ca: None, timeout: Duration::from_secs(5) }
}

fn client(url: &str) -> Registry {
    Registry::new(&config(url)).unwrap()
}

async fn embedded() -> Registry {
    client(&serve(EmbeddedRegistry::new().router()).await)
}

/// A registry that answers every call alike; and what it was sent: method, path with query, body.
async fn answering(status: u16, body: &'static str) -> (Registry, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let router = Router::new().fallback(any(async move |request: Request| {
        let (parts, sent) = request.into_parts();
        let sent = axum::body::to_bytes(sent, 1 << 20).await.unwrap();
        log.lock().unwrap().push(format!("{} {} {}", parts.method, parts.uri, String::from_utf8_lossy(&sent)));
        (StatusCode::from_u16(status).unwrap(), body)
    }));
    (client(&serve(router).await), seen)
}

/// A server below HTTP: takes connections and does this with them.
async fn raw<F: Future<Output = ()> + Send>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            handle(connection).await;
        }
    });
    address.to_string()
}

/// Waits until a request's head is there, as servers do.
async fn hear(connection: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
}

#[tokio::test]
async fn a_schema_is_registered_once_and_found_again() {
    let registry = embedded().await;
    assert_eq!(registry.look_up("orders-value", &order()).await.unwrap(), None);
    assert_eq!(registry.latest("orders-value").await.unwrap(), None);
    let id = registry.register("orders-value", &order()).await.unwrap();
    assert_eq!(registry.register("orders-value", &order()).await.unwrap(), id);
    assert_eq!(registry.look_up("orders-value", &order()).await.unwrap(), Some(Found { id, version: 1 }));
    // Under another subject it has the same id.
    assert_eq!(registry.register("other-value", &order()).await.unwrap(), id);
    let uses = vec![("orders-value".to_owned(), 1), ("other-value".to_owned(), 1)];
    assert_eq!(registry.uses_of(id).await.unwrap(), Some(uses));
    assert_eq!(registry.uses_of(id + 1).await.unwrap(), None);
    // What is registered is the text as it was written, without its white space.
    let latest = Version { id, version: 1, schema: order().text().to_owned() };
    assert_eq!(registry.latest("orders-value").await.unwrap(), Some(latest));
    let text = registry.schema(id).await.unwrap();
    assert!(text.contains("timestamp-millis") && text.contains("when") && !text.contains('\n'), "{text}");
    let error = registry.schema(id + 1).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::NotFound("Schema not found".to_owned()));
}

#[tokio::test]
async fn a_level_forbids_what_breaks_it() {
    let registry = embedded().await;
    let subject = "orders-value";
    assert_eq!(registry.level(subject).await.unwrap(), None);
    registry.set_level(subject, Compatibility::FullTransitive).await.unwrap();
    assert_eq!(registry.level(subject).await.unwrap(), Some(Compatibility::FullTransitive));
    let breaking = order_with(r#"{"name": "sum", "type": "int"}"#);
    assert_eq!(registry.check(subject, &breaking).await.unwrap(), CompatibilityCheck::default());
    registry.register(subject, &order()).await.unwrap();
    let check = registry.check(subject, &breaking).await.unwrap();
    assert!(!check.compatible && check.messages[0].contains("READER_FIELD_MISSING_DEFAULT_VALUE"), "{check:?}");
    assert!(check.messages[0].contains("/sum"), "{check:?}");
    let error = registry.register(subject, &breaking).await.unwrap_err();
    let ErrorKind::Incompatible(said) = error.kind() else { panic!("{error:?}") };
    assert!(said.contains("/sum"), "{said}");
    assert!(!error.is_unavailable());
    let gentle = order_with(r#"{"name": "sum", "type": "int", "default": 0}"#);
    assert!(registry.check(subject, &gentle).await.unwrap().compatible);
    registry.register(subject, &gentle).await.unwrap();
    assert_eq!(registry.latest(subject).await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn any_subject_gets_there_unharmed() {
    let registry = embedded().await;
    for subject in ["a/b", "a b", "ü", "100%25", "a?b#c&d=e", "a+b", "..a", "{x}", "a\\b", "a:b;c"] {
        let id = registry.register(subject, &order()).await.unwrap();
        assert_eq!(registry.look_up(subject, &order()).await.unwrap(), Some(Found { id, version: 1 }), "{subject}");
        registry.set_level(subject, Compatibility::None).await.unwrap();
        assert_eq!(registry.level(subject).await.unwrap(), Some(Compatibility::None), "{subject}");
        assert!(registry.check(subject, &schema("\"long\"")).await.unwrap().compatible, "{subject}");
    }
    for subject in ["", ".", ".."] {
        let error = registry.register(subject, &order()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error:?}");
    }
}

#[tokio::test]
async fn requests_are_what_both_registries_understand() {
    let (registry, seen) = answering(200, r#"{"compatibility": "FULL"}"#).await;
    registry.set_level("a/b-value", Compatibility::Full).await.unwrap();
    registry.level("a/b-value").await.unwrap();
    let _ = registry.check("s", &schema("\"long\"")).await;
    let _ = registry.register("s", &schema("\"long\"")).await;
    let _ = registry.look_up("s", &schema("\"long\"")).await;
    let _ = registry.schema(7).await;
    let expected = [
        r#"PUT /config/a%2Fb-value {"compatibility":"FULL"}"#,
        "GET /config/a%2Fb-value ",
        r#"POST /compatibility/subjects/s/versions?verbose=true {"schema":"\"long\""}"#,
        r#"POST /subjects/s/versions {"schema":"\"long\""}"#,
        r#"POST /subjects/s?deleted=false {"schema":"\"long\""}"#,
        "GET /schemas/ids/7?deleted=true ",
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn a_registry_that_lies_about_an_id_is_found_out() {
    let other = serde_json::json!({ "id": 7, "schema": order().text() }).to_string();
    let (registry, _) = answering(200, other.leak()).await;
    assert_eq!(registry.register("s", &order()).await.unwrap(), 7);
    // The same encoding in other words is the same schema.
    let reworded = schema(&ORDER.replace("An order", "Somebody's order"));
    assert_eq!(registry.register("s", &reworded).await.unwrap(), 7);
    let error = registry.register("s", &schema("\"long\"")).await.unwrap_err();
    let said = "it answered id 7, which it says is another schema";
    assert_eq!(error.kind(), &ErrorKind::Nonsense(said.to_owned()));
    let (registry, _) = answering(200, r#"{"compatibilityLevel": "NONE"}"#).await;
    let error = registry.set_level("s", Compatibility::Full).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Nonsense("it set another level".to_owned()));
}

#[tokio::test]
async fn a_level_that_another_set_at_the_same_moment_is_set_again() {
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    let router = Router::new().fallback(any(async move || {
        let mut asked = count.lock().unwrap();
        *asked += 1;
        match *asked {
            1 => (
                StatusCode::CONFLICT,
                r#"{"error_code": 409, "message": "A rule named 'COMPATIBILITY' already exists."}"#,
            ),
            _ => (StatusCode::OK, r#"{"compatibility": "FULL"}"#),
        }
    }));
    client(&serve(router).await).set_level("s", Compatibility::Full).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), 2);
    // Once, not for ever.
    let (registry, seen) = answering(409, r#"{"error_code": 409, "message": "no"}"#).await;
    registry.set_level("s", Compatibility::Full).await.unwrap_err();
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn only_what_may_pass_is_tried_again() {
    let check = async |status: u16, tries: usize| {
        let (registry, seen) = answering(status, "{}").await;
        let error = registry.latest("s").await.unwrap_err();
        assert_eq!(seen.lock().unwrap().len(), tries, "{error}");
    };
    check(503, 3).await;
    check(500, 3).await;
    check(429, 3).await;
    check(400, 1).await;
    check(401, 1).await;
    check(404, 1).await;
    check(409, 1).await;
    check(501, 1).await;
    check(200, 1).await;
}

#[tokio::test]
async fn a_registry_that_comes_back_is_not_an_error() {
    let refusals = Arc::new(Mutex::new(2));
    let router = EmbeddedRegistry::new().router().layer(axum::middleware::from_fn(
        move |request: Request, next: axum::middleware::Next| {
            let refuse = {
                let mut left = refusals.lock().unwrap();
                let refuse = *left > 0;
                *left -= i32::from(refuse);
                refuse
            };
            async move {
                match refuse {
                    true => axum::response::IntoResponse::into_response(StatusCode::SERVICE_UNAVAILABLE),
                    false => next.run(request).await,
                }
            }
        },
    ));
    let registry = client(&serve(router).await);
    assert_eq!(registry.register("s", &order()).await.unwrap(), 1);
}

#[tokio::test]
async fn an_answer_without_end_or_without_sense_is_nonsense() {
    let endless = raw(async |mut connection| {
        hear(&mut connection).await;
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while connection.write_all(&[b' '; 65_536]).await.is_ok() {}
    });
    let error = client(&format!("http://{}", endless.await)).latest("s").await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Nonsense("its answer is longer than 8 MiB".to_owned()));
    for body in ["", "<html>log in</html>", "[]", "{}", r#"{"id": "x"}"#, "null"] {
        let (registry, _) = answering(200, body).await;
        let error = registry.latest("s").await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Nonsense(_)) && error.is_unavailable(), "{body}: {error:?}");
        assert!(error.hint().contains("/apis/ccompat/v7"), "{}", error.hint());
    }
}

#[tokio::test]
async fn a_registry_that_stalls_is_given_up_in_time() {
    let silent = raw(async |connection| {
        // Kept open, and never answered.
        std::mem::forget(connection);
    });
    let half = raw(async |mut connection| {
        hear(&mut connection).await;
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").await;
        std::mem::forget(connection);
    });
    for address in [silent.await, half.await] {
        let registry = client(&format!("http://{address}")).within(Duration::from_millis(50));
        let started = Instant::now();
        let error = registry.latest("s").await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(error.kind(), &ErrorKind::Unreachable("it gave no answer within 50ms".to_owned()));
        assert!(error.hint().contains("registry.timeout"), "{}", error.hint());
    }
}

#[tokio::test]
async fn an_error_says_what_is_probably_behind_it() {
    let check = async |config: config::Registry, hint: &str| {
        let registry = Registry::new(&config).unwrap();
        let error = registry.register("s", &order()).await.unwrap_err();
        assert!(error.hint().contains(hint), "{error}: {}", error.hint());
        assert!(error.to_string().starts_with("cannot register a schema under `s` at the registry http"), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    };
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    check(config(&format!("http://{closed}")), "is it running").await;
    check(config("http://no-such-host.invalid"), "cannot be resolved").await;
    let babbling = raw(async |mut connection| {
        hear(&mut connection).await;
        let _ = connection.write_all(b"\x15\x03\x01\x00\x02\x02\x28 220 smtp\r\n").await;
    });
    let babbling = babbling.await;
    check(config(&format!("http://{babbling}")), "begin with https://").await;
    let plain = serve(EmbeddedRegistry::new().router()).await;
    check(config(&plain.replace("http:", "https:")), "begin with http://").await;
    let (tls, _) = serve_tls().await;
    check(config(&tls.replace("https:", "http:")), "begin with https://").await;
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&other, authority().pem()).unwrap();
    let trusting = config::Registry { ca: Some(other.path().to_owned()), ..config(&tls) };
    check(trusting, "name it as `registry.ca`").await;
    let (refusing, _) = answering(401, "").await;
    let refusing = refusing.base.to_string();
    check(config(&refusing), "set `registry.auth`").await;
    let folder = tempfile::tempdir().unwrap();
    let auth = |secret: &str| Some(RegistryAuth::Bearer(secret_file(folder.path(), secret)));
    check(config::Registry { auth: auth("s3cret"), ..config(&refusing) }, "was it rotated").await;
    let (forbidding, _) = answering(403, "").await;
    let forbidding = forbidding.base.to_string();
    check(config::Registry { auth: auth("s3cret"), ..config(&forbidding) }, "may not do this").await;
    let (elsewhere, seen) = answering(302, "").await;
    check(config(elsewhere.base.as_ref()), "login page").await;
    assert_eq!(seen.lock().unwrap().len(), 1);
    let (wrong_path, _) = answering(404, r#"{"error_code":0,"message":"no such resource"}"#).await;
    check(config(wrong_path.base.as_ref()), "/apis/ccompat/v7").await;
}

#[tokio::test]
async fn credentials_go_along_with_every_call() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let router = EmbeddedRegistry::new().router().layer(axum::middleware::from_fn(
        move |request: Request, next: axum::middleware::Next| {
            let sent = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
            log.lock().unwrap().push(sent);
            next.run(request)
        },
    ));
    let url = serve(router).await;
    let folder = tempfile::tempdir().unwrap();
    let check = async |auth: RegistryAuth, header: &str| {
        let registry = Registry::new(&config::Registry { auth: Some(auth), ..config(&url) }).unwrap();
        registry.register("s", &order()).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [Some(header.to_owned()), Some(header.to_owned())]);
        seen.lock().unwrap().clear();
        assert!(!format!("{registry:?}").contains("s3cret"), "{registry:?}");
    };
    let secret = secret_file(folder.path(), "ann:s3cret:2\n");
    check(RegistryAuth::Basic(secret), "Basic YW5uOnMzY3JldDoy").await;
    check(RegistryAuth::Bearer(secret_file(folder.path(), "s3cret")), "Bearer s3cret").await;
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let (url, authority) = serve_tls().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, authority).unwrap();
    let config = config::Registry { ca: Some(file.path().to_owned()), ..config(&url) };
    assert_eq!(Registry::new(&config).unwrap().register("s", &order()).await.unwrap(), 1);
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let check = |config: config::Registry, said: &str| {
        let error = Registry::new(&config).unwrap_err();
        assert_eq!(error.to_string(), said);
        assert!(matches!(error.kind(), ErrorKind::Configuration(_)) && !error.is_unavailable());
    };
    let at = |url: &str, why: &str| format!("cannot sign in at the registry {url}: {why}");
    check(config("nonsense"), &at("whose `registry.url` is no URL", "relative URL without a base"));
    check(config("ftp://x/"), &at("ftp://x/", "it must begin with http:// or https://"));
    let why = "credentials do not belong in the URL; give them as `auth`";
    check(config("https://ann:s3cret@x/y"), &at("https://x/y", why));
    check(config("https://x/y?z=1"), &at("https://x/y?z=1", "it must have no query and no fragment"));
    let with = |auth: RegistryAuth| config::Registry { auth: Some(auth), ..config("http://x/") };
    let path = folder.path().join("secret").display().to_string();
    let basic = with(RegistryAuth::Basic(secret_file(folder.path(), "s3cret")));
    check(basic, &at("http://x/", &format!("the file `{path}` must hold `user:password`")));
    let bearer = with(RegistryAuth::Bearer(secret_file(folder.path(), "a\nb")));
    check(bearer, &at("http://x/", &format!("the file `{path}` holds characters that a header cannot carry")));
    let unset = with(RegistryAuth::Bearer(Secret::Env("TIDEGATE_TEST_UNSET".to_owned())));
    let why = "the environment variable `TIDEGATE_TEST_UNSET`, which should hold the secret, is not set";
    check(unset, &at("http://x/", why));
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let why = format!("the certificates in `{}`: there are none; PEM is expected", empty.display());
    check(config::Registry { ca: Some(empty), ..config("https://x/") }, &at("https://x/", &why));
}

fn secret_file(folder: &Path, content: &str) -> Secret {
    let path = folder.join("secret");
    std::fs::write(&path, content).unwrap();
    Secret::File(path)
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// The embedded registry behind TLS: its URL, and the PEM of the authority that signed its certificate.
async fn serve_tls() -> (String, String) {
    let (authority, key) = (authority(), KeyPair::generate().unwrap());
    let names = ["127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let service = hyper_util::service::TowerToHyperService::new(EmbeddedRegistry::new().router());
    let address = raw(move |connection| {
        let (acceptor, service) = (acceptor.clone(), service.clone());
        async move {
            let Ok(stream) = acceptor.accept(connection).await else { return };
            let stream = hyper_util::rt::TokioIo::new(stream);
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await;
        }
    });
    (format!("https://{}", address.await), authority.pem())
}

#[tokio::test]
async fn a_client_that_somebody_else_wrote_gets_along_with_the_embedded_registry() {
    use schema_registry_converter::{
        async_impl::schema_registry::{SrSettings, get_schema_by_id, get_schema_by_subject, post_schema},
        schema_registry_common::{SchemaType, SubjectNameStrategy, SuppliedSchema},
    };
    let url = serve(EmbeddedRegistry::new().router()).await;
    let registry = client(&url);
    let settings = SrSettings::new(url);
    let supplied = SuppliedSchema::new(None, SchemaType::Avro, order().text().to_owned());
    let posted = post_schema(&settings, "orders-value".to_owned(), supplied).await.unwrap();
    assert_eq!(registry.register("orders-value", &order()).await.unwrap(), posted.id);
    let strategy = SubjectNameStrategy::TopicNameStrategy("orders".to_owned(), false);
    let latest = get_schema_by_subject(&settings, &strategy).await.unwrap();
    assert_eq!((latest.id, latest.version), (posted.id, Some(1)));
    assert_eq!(get_schema_by_id(posted.id, &settings).await.unwrap().schema, order().text());
    assert!(get_schema_by_id(99, &settings).await.is_err());
}

/// Whatever bytes a caller sends, the embedded registry answers JSON.
#[tokio::test]
async fn the_embedded_registry_takes_any_body() {
    let url = serve(EmbeddedRegistry::new().router()).await;
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let nested = "[".repeat(100_000);
    let avro = format!(r#"{{"schema": {}}}"#, serde_json::Value::from(r#"{"type":"array","items":"#.repeat(10_000)));
    for body in ["", "{", "null", "[]", "{}", r#"{"schema": 1}"#, r#"{"schema": ""}"#, "\u{0}", &nested, &avro] {
        for path in ["subjects/s", "subjects/s/versions", "compatibility/subjects/s/versions/latest"] {
            let sent = http.post(format!("{url}/{path}")).body(Bytes::copy_from_slice(body.as_bytes()));
            let answer = sent.send().await.unwrap();
            let status = answer.status();
            assert!(matches!(status.as_u16(), 400 | 404 | 422), "{status} for {path}");
            let problem: serde_json::Value = answer.json().await.unwrap();
            assert!(problem["error_code"].is_u64() && problem["message"].is_string(), "{problem}");
        }
    }
}
