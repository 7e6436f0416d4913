use super::*;
use crate::config::{Secret, Security, Tls};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use std::{path::Path, time::Instant};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
    task::JoinHandle,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// Longer than anything here takes on a busy box.
const LONG: Duration = Duration::from_secs(20);

/// A served listener.
struct Served {
    address: SocketAddr,
    counters: Arc<Counters>,
    stop: CancellationToken,
    /// Requests that have begun.
    begun: mpsc::Receiver<()>,
    /// Lets requests for `/slow` go on.
    go: Arc<Semaphore>,
    task: JoinHandle<()>,
}

async fn serve(guard: Guard, limits: Limits, grace: Duration) -> Served {
    let counters = Arc::new(Counters::new());
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind("test", loopback, Arc::new(guard), limits).unwrap().counted(counters.clone());
    let (address, stop, go) = (listener.address(), CancellationToken::new(), Arc::new(Semaphore::new(0)));
    let (begin, begun) = mpsc::channel(16);
    let gate = go.clone();
    let service = move |request: Request<Incoming>| {
        let (gate, begin) = (gate.clone(), begin.clone());
        async move {
            let _ = begin.try_send(());
            match request.uri().path() {
                "/slow" => drop(gate.acquire().await),
                "/large" => return Response::new(Full::from(vec![b'x'; 64 << 20])),
                _ => {}
            }
            let _ = request.into_body().collect().await;
            Response::new(Full::from("hello"))
        }
    };
    let task = tokio::spawn(listener.serve(service, stop.clone(), grace));
    Served { address, counters, stop, begun, go, task }
}

fn short() -> Limits {
    Limits {
        header_timeout: Duration::from_millis(300),
        idle_timeout: Duration::from_millis(1200),
        write_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The status of one request on a connection of its own.
    async fn status(&self, request: &[u8]) -> u16 {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        status(&mut stream).await
    }

    async fn ended(self) -> Duration {
        let began = Instant::now();
        timeout(LONG, self.task).await.expect("it ends").unwrap();
        began.elapsed()
    }
}

/// Reads one reply of a few bytes and returns its status.
async fn status(stream: &mut (impl AsyncRead + Unpin)) -> u16 {
    let mut reply = Vec::new();
    while !reply.ends_with(b"hello") && !reply.ends_with(b"}") {
        let read = timeout(LONG, stream.read_buf(&mut reply)).await.expect("a reply").unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&reply));
    }
    std::str::from_utf8(&reply[9..12]).unwrap().parse().unwrap()
}

/// Waits until the other side closes, and returns how long that took.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) -> Duration {
    let began = Instant::now();
    let mut rest = [0; 4096];
    while timeout(LONG, stream.read(&mut rest)).await.expect("it is closed").is_ok_and(|read| read > 0) {}
    began.elapsed()
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < LONG, "never {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_the_network_can_reach_has_to_be_guarded() {
    fn check(address: &str, guard: Guard, refused: bool) {
        let result = Listener::bind("data", address.parse().unwrap(), Arc::new(guard), Limits::default());
        assert_eq!(matches!(result, Err(BindError::Unprotected { .. })), refused, "{address}");
    }
    check("127.0.0.1:0", Guard::default(), false);
    check("[::ffff:127.0.0.1]:0", Guard::default(), false);
    check("0.0.0.0:0", Guard::default(), true);
    check("[::]:0", Guard::default(), true);
    check("0.0.0.0:0", Guard::anyone(), false);
}

#[tokio::test]
async fn a_taken_address_says_so() {
    let first = serve(Guard::default(), Limits::default(), LONG).await;
    let again = Listener::bind("data", first.address, Arc::new(Guard::default()), Limits::default());
    let error = again.unwrap_err();
    assert_eq!(error.to_string(), format!("the data listener cannot have {}", first.address));
    assert!(error.hint().contains("another port"));
}

#[tokio::test]
async fn silent_and_dribbling_connections_are_closed() {
    let served = serve(Guard::default(), Limits { idle_timeout: 2 * LONG, ..short() }, LONG).await;
    let mut silent = served.connect().await;
    let mut dribbling = served.connect().await;
    dribbling.write_all(b"GET / HT").await.unwrap();
    for stream in [&mut silent, &mut dribbling] {
        closed(stream).await;
    }
}

#[tokio::test]
async fn a_connection_that_had_a_request_may_idle_longer() {
    let served = serve(Guard::default(), short(), LONG).await;
    let mut stream = served.connect().await;
    for _ in 0..2 {
        stream.write_all(GET).await.unwrap();
        assert_eq!(status(&mut stream).await, 200);
    }
    let took = closed(&mut stream).await;
    assert!(took >= Duration::from_millis(900), "{took:?}");
}

#[tokio::test]
async fn a_caller_without_a_token_keeps_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, "one\n").unwrap();
    let security = Security { tokens: Some(Secret::File(file)), ..Security::default() };
    let guard = Guard::new(&security, Of::Data).unwrap();
    let limits = Limits { header_timeout: 2 * LONG, idle_timeout: 2 * LONG, ..short() };
    let served = serve(guard, limits, LONG).await;
    let mut stream = served.connect().await;
    stream.write_all(GET).await.unwrap();
    assert_eq!(status(&mut stream).await, 401);
    closed(&mut stream).await;
}

#[tokio::test]
async fn idle_connections_give_way_when_others_wait() {
    let limits = Limits { connections: 3, idle_timeout: 3 * LONG, ..short() };
    let served = serve(Guard::default(), limits, LONG).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut stream = served.connect().await;
        stream.write_all(GET).await.unwrap();
        assert_eq!(status(&mut stream).await, 200);
        idle.push(stream);
    }
    assert_eq!(served.status(GET).await, 200);
}

#[tokio::test]
async fn a_client_that_does_not_take_its_reply_is_given_up() {
    let served = serve(Guard::default(), Limits { connections: 1, ..short() }, LONG).await;
    let mut greedy = served.connect().await;
    greedy.write_all(b"GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // There is room for one connection only: this one is answered when the other one is gone.
    assert_eq!(served.status(GET).await, 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let limits = Limits { connections: 2, header_timeout: LONG, ..Limits::default() };
    let served = serve(Guard::default(), limits, LONG).await;
    let first = served.connect().await;
    let _second = served.connect().await;
    let mut third = served.connect().await;
    third.write_all(GET).await.unwrap();
    let nothing = timeout(Duration::from_millis(200), third.read_u8()).await;
    assert!(nothing.is_err(), "answered beyond the limit");
    drop(first);
    assert_eq!(status(&mut third).await, 200);
}

#[tokio::test]
async fn requests_are_answered_before_the_end() {
    let mut served = serve(Guard::default(), Limits::default(), LONG).await;
    let mut idle = served.connect().await;
    idle.write_all(GET).await.unwrap();
    assert_eq!(status(&mut idle).await, 200);
    let mut slow = served.connect().await;
    slow.write_all(b"POST /slow HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc").await.unwrap();
    for _ in 0..2 {
        served.begun.recv().await.unwrap();
    }

    served.stop.cancel();
    closed(&mut idle).await;
    let address = served.address;
    eventually("refuses", || std::net::TcpStream::connect(address).is_err()).await;
    assert!(!served.task.is_finished());
    served.go.add_permits(1);
    assert_eq!(status(&mut slow).await, 200);
    closed(&mut slow).await;
    served.ended().await;
}

#[tokio::test]
async fn the_grace_period_is_the_end() {
    let mut served = serve(Guard::default(), Limits::default(), Duration::from_millis(100)).await;
    let mut slow = served.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    served.begun.recv().await.unwrap();
    served.stop.cancel();
    closed(&mut slow).await;
    let counters = served.counters.clone();
    assert!(served.ended().await < Duration::from_secs(5));
    assert_eq!(counters.requests().get(&499), Some(&1));
}

#[tokio::test]
async fn replies_are_counted_and_so_are_clients_that_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let security = Security { tokens: Some(Secret::File(file.clone())), ..Security::default() };
    let mut served = serve(Guard::new(&security, Of::Data).unwrap(), Limits::default(), LONG).await;
    let request = |token: &str| format!("GET / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    assert_eq!(served.status(GET).await, 401);
    assert_eq!(served.status(request("three").as_bytes()).await, 401);
    assert_eq!(served.status(request("two").as_bytes()).await, 200);
    served.begun.recv().await.unwrap();

    let mut leaves = served.connect().await;
    leaves.write_all(request("one").replace("GET /", "GET /slow").as_bytes()).await.unwrap();
    served.begun.recv().await.unwrap();
    drop(leaves);
    eventually("counted", || served.counters.requests().get(&499) == Some(&1)).await;
    assert_eq!(served.counters.requests(), [(200, 1), (401, 2), (499, 1)].into());
}

/// A client certificate's authority, the server's certificate by the same one, and another client's by nobody known.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        for name in ["ours", "foreign"] {
            let mut authority = CertificateParams::new([]).unwrap();
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
            write(&format!("{name}-ca.pem"), authority.pem());
            let key = KeyPair::generate().unwrap();
            let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
            write(&format!("{name}.pem"), leaf.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn guard(&self, mutual: bool) -> Guard {
        let tls = Tls {
            certificate: self.path("ours.pem"),
            key: Secret::File(self.path("ours.key")),
            client_ca: mutual.then(|| self.path("ours-ca.pem")),
        };
        Guard::new(&Security { tls: Some(tls), ..Security::default() }, Of::Data).unwrap()
    }

    /// The status of a request over TLS, with a client certificate or none.
    async fn status(&self, address: SocketAddr, client: Option<&str>) -> io::Result<u16> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.path("ours-ca.pem"))).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(vec![certificate(&self.path(&format!("{name}.pem")))], key).unwrap()
            }
        };
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(address).await?;
        let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
        stream.write_all(GET).await?;
        // With TLS 1.3 a refused client certificate shows at the first read.
        let mut reply = [0; 12];
        stream.read_exact(&mut reply).await?;
        Ok(std::str::from_utf8(&reply[9..]).unwrap().parse().unwrap())
    }
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

#[tokio::test]
async fn tls_serves_those_who_speak_it() {
    let certificates = Certificates::new();
    let served = serve(certificates.guard(false), short(), LONG).await;
    assert_eq!(certificates.status(served.address, None).await.unwrap(), 200);
    // Who does not, gets nothing that could be taken for an answer.
    let mut plain = served.connect().await;
    plain.write_all(GET).await.unwrap();
    let mut reply = Vec::new();
    timeout(LONG, plain.read_to_end(&mut reply)).await.unwrap().ok();
    assert!(!reply.starts_with(b"HTTP"), "{reply:?}");
    // Nor does a silent one keep its place.
    closed(&mut served.connect().await).await;
}

#[tokio::test]
async fn mutual_tls_serves_those_whose_certificate_is_known() {
    let certificates = Certificates::new();
    let guard = certificates.guard(true);
    assert!(guard.protects());
    let served = serve(guard, short(), LONG).await;
    assert_eq!(certificates.status(served.address, Some("ours")).await.unwrap(), 200);
    assert!(certificates.status(served.address, None).await.is_err());
    assert!(certificates.status(served.address, Some("foreign")).await.is_err());
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up() {
    let certificates = Certificates::new();
    let guard = Arc::new(certificates.guard(false));
    let others = Certificates::new();
    let broken = certificates.path("ours.pem");
    std::fs::write(&broken, "no certificate").unwrap();
    guard.refresh();
    let served = serve_shared(guard.clone()).await;
    // The running one stays as long as the new one is no good.
    assert_eq!(certificates.status(served, None).await.unwrap(), 200);
    for name in ["ours.pem", "ours.key"] {
        std::fs::copy(others.path(name), certificates.path(name)).unwrap();
    }
    guard.refresh();
    assert_eq!(others.status(served, None).await.unwrap(), 200);
    assert!(certificates.status(served, None).await.is_err());
}

async fn serve_shared(guard: Arc<Guard>) -> SocketAddr {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::bind("test", loopback, guard, Limits::default()).unwrap();
    let address = listener.address();
    let service = |_: Request<Incoming>| std::future::ready(Response::new(Full::from("hello")));
    tokio::spawn(listener.serve(service, CancellationToken::new(), LONG));
    address
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let certificates = Certificates::new();
    let check = |certificate: &str, key: &str, client_ca: Option<&str>, expected: &str| {
        let tls = Tls {
            certificate: certificates.path(certificate),
            key: Secret::File(certificates.path(key)),
            client_ca: client_ca.map(|name| certificates.path(name)),
        };
        let error = Guard::new(&Security { tls: Some(tls), ..Security::default() }, Of::Data).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    std::fs::write(certificates.path("empty"), "nothing\n").unwrap();
    check("none.pem", "ours.key", None, "cannot be read");
    check("empty", "ours.key", None, "holds no certificate");
    check("ours.pem", "empty", None, "holds no PEM private key");
    check("ours.pem", "foreign.key", None, "do not fit");
    check("ours.pem", "ours.key", Some("empty"), "holds no certificate");
}

#[tokio::test]
async fn health_is_told_to_anyone_and_nothing_else() {
    use crate::product::Products;
    use health::{Health, Phase};
    let health = Health::new(Arc::new(Products::default()), || "tidegate_up 1\n".to_owned());
    let ask = async |method: &str, path: &str| {
        let response = health.answer(&Request::builder().method(method).uri(path).body(()).unwrap());
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    assert_eq!(ask("GET", "/livez").await, (StatusCode::OK, "ok\n".to_owned()));
    assert_eq!(ask("GET", "/metrics").await.1, "tidegate_up 1\n");
    for (phase, status, name) in [
        (Phase::Starting, StatusCode::SERVICE_UNAVAILABLE, "starting"),
        (Phase::Ready, StatusCode::OK, "ready"),
        (Phase::Draining, StatusCode::SERVICE_UNAVAILABLE, "draining"),
    ] {
        health.set(phase);
        let expected = format!(r#"{{"status":"{name}","products":[]}}"#);
        assert_eq!(ask("GET", "/readyz").await, (status, expected));
    }
    for path in ["/", "/v1/products", "/metrics/"] {
        assert_eq!(ask("GET", path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(ask("POST", "/livez").await.0, StatusCode::METHOD_NOT_ALLOWED);
}
