//! Who may call, and what is open to whom.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity};
use std::{net::SocketAddr, time::Duration};
use tidegate_integration_tests::{Mesh, Reply, client, eventually, orders};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const SOON: Duration = Duration::from_secs(30);

fn sales() -> Mesh {
    Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA])
}

#[tokio::test]
async fn tokens_are_asked_for_and_may_be_rotated_while_it_runs() {
    let sales = sales().config("security: {tokens: {file: tokens}}");
    sales.write("tokens", "first\nsecond\n");
    sales.apply();
    let sidecar = sales.run().await;
    let post = async |token: Option<&str>| {
        let request = sidecar.request(reqwest::Method::POST, "/v1/products/orders/events");
        let request = request.header("content-type", "application/json").body(orders::order(1).to_string());
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        sidecar.send(request).await
    };
    let denied = post(None).await;
    assert_eq!(denied.status, 401);
    assert!(denied.headers["www-authenticate"].to_str().is_ok_and(|value| value.starts_with("Bearer")));
    assert_eq!(post(Some("third")).await.status, 401);
    assert_eq!(post(Some("first")).await.status, 200);
    assert_eq!(post(Some("second")).await.status, 200);
    assert_eq!(sidecar.admin("/v1/products").await.status, 401);
    assert_eq!(sidecar.readyz().await.expect("an answer").status, 200, "health is for anyone");

    sales.write("tokens", "second\nthird\n");
    eventually("the new token opens", SOON, async || (post(Some("third")).await.status == 200).then_some(())).await;
    assert_eq!(post(Some("second")).await.status, 200);
    assert_eq!(post(Some("first")).await.status, 401);
    assert!(!sidecar.log().contains("third"), "no token is logged");
}

#[tokio::test]
async fn what_the_network_could_reach_is_not_served_to_anyone_by_chance() {
    let sales = sales();
    sales.apply();
    let text = std::fs::read_to_string(sales.folder().join("tidegate.yaml")).expect("it is there");
    let exposed = text.replacen("data: \"127.0.0.1:", "data: \"0.0.0.0:", 1);
    assert_ne!(text, exposed);
    sales.write("tidegate.yaml", &exposed);
    let outcome = sales.tidegate(&["run"]);
    assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains("is not on loopback"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("security.tokens"), "{}", outcome.stderr);

    sales.write("tidegate.yaml", &format!("{exposed}security: {{allowAnonymous: true}}\n"));
    let sidecar = sales.run().await;
    assert_eq!(sidecar.post_json("orders", &orders::order(1)).await.status, 200);
}

/// An authority, and a certificate of its for `localhost` that servers and clients may show.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    fn new() -> Self {
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a CA");
        let key = KeyPair::generate().expect("a key");
        let of = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = of.signed_by(&key, &authority).expect("a certificate");
        Self { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Puts them where the sidecar looks for them.
    fn install(&self, mesh: &Mesh) {
        mesh.write("server.key", &self.key);
        mesh.write("server.pem", &self.certificate);
    }

    /// A client that trusts this authority's servers and nobody else's, and shows a certificate or none.
    fn client(&self, shown: Option<&Self>, address: SocketAddr) -> Client {
        // Installs what TLS takes.
        drop(client());
        let trusted = Certificate::from_pem(self.authority.as_bytes()).expect("PEM");
        let builder = Client::builder().no_proxy().tls_certs_only([trusted]).resolve("localhost", address);
        let builder = match shown {
            None => builder,
            Some(of) => {
                let pem = format!("{}{}", of.key, of.certificate);
                builder.identity(Identity::from_pem(pem.as_bytes()).expect("PEM"))
            }
        };
        builder.build().expect("the settings are valid")
    }
}

/// Posts an order; none when no answer comes.
async fn post(client: &Client, address: SocketAddr) -> Option<Reply> {
    let url = format!("https://localhost:{}/v1/products/orders/events", address.port());
    let request = client.post(url).header("content-type", "application/json").body(orders::order(1).to_string());
    Reply::of(request).await.ok()
}

#[tokio::test]
async fn tls_is_spoken_with_whoever_trusts_the_certificate_which_may_be_renewed() {
    let (first, second) = (Certificates::new(), Certificates::new());
    let sales = sales().config("security: {tls: {certificate: server.pem, key: {file: server.key}}}");
    first.install(&sales);
    sales.apply();
    let sidecar = sales.run().await;
    let data = sidecar.data();
    let reply = post(&first.client(None, data), data).await.expect("an answer");
    assert_eq!(reply.statuses(), ["published"]);
    assert!(post(&second.client(None, data), data).await.is_none(), "another authority's");
    // In the clear there is nothing that could be taken for an answer.
    let mut plain = TcpStream::connect(data).await.expect("it listens");
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.expect("it reads");
    let mut said = Vec::new();
    plain.read_to_end(&mut said).await.ok();
    assert!(!said.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&said));

    second.install(&sales);
    sidecar.sighup();
    let client = second.client(None, data);
    eventually("the new certificate is shown", SOON, async || post(&client, data).await).await;
    assert!(!sidecar.log().contains("PRIVATE KEY"), "no key is logged");
}

#[tokio::test]
async fn with_mutual_tls_the_network_is_served_as_far_as_its_certificates_are_known() {
    let (ours, foreign) = (Certificates::new(), Certificates::new());
    let security = "security: {tls: {certificate: server.pem, key: {file: server.key}, clientCa: clients.pem}}";
    let sales = sales().config(security);
    ours.install(&sales);
    sales.write("clients.pem", &ours.authority);
    // No token and not on loopback: the certificates are what guards it.
    let text = std::fs::read_to_string(sales.folder().join("tidegate.yaml")).expect("it is there");
    sales.write("tidegate.yaml", &text.replacen("data: \"127.0.0.1:", "data: \"0.0.0.0:", 1));
    sales.apply();
    let sidecar = sales.run().await;
    let data = sidecar.data();
    let reply = post(&ours.client(Some(&ours), data), data).await.expect("an answer");
    assert_eq!(reply.statuses(), ["published"]);
    assert!(post(&ours.client(None, data), data).await.is_none(), "nobody in particular");
    assert!(post(&ours.client(Some(&foreign), data), data).await.is_none(), "somebody else's client");
    assert_eq!(sales.read_product("orders", 1).await.len(), 1);
    assert_eq!(sidecar.readyz().await.expect("an answer").status, 200, "health is for anyone, in the clear");
}
