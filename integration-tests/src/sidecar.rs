//! A running sidecar: the real binary as a process.

use crate::eventually;
use serde_json::Value;
use std::{
    fs::OpenOptions,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

/// How long a sidecar may take to come up, and to be ready. Debug builds on a busy box take their time.
const UP: Duration = Duration::from_secs(60);

/// A running sidecar. Dropping it kills the process; if the test has failed by then, its log is shown.
#[derive(Debug)]
pub struct Sidecar {
    process: Child,
    log: PathBuf,
    client: reqwest::Client,
    data: SocketAddr,
    admin: SocketAddr,
    health: SocketAddr,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Sidecar {
    pub(crate) async fn start(mut command: Command, listen: [SocketAddr; 3], log: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let process = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file handle can be doubled"))
            .stderr(file)
            .spawn()
            .expect("tidegate starts");
        let [data, admin, health] = listen;
        let mut sidecar = Self { process, log: log.to_owned(), client: client(), data, admin, health };
        eventually("the sidecar is up", UP, async || {
            if let Some(status) = sidecar.process.try_wait().expect("a child can be asked") {
                panic!("tidegate run ended at once: {status}");
            }
            sidecar.readyz().await.ok().filter(|reply| reply.status == 200).map(drop)
        })
        .await;
        sidecar
    }

    /// The data listener.
    pub fn data(&self) -> SocketAddr {
        self.data
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Where events of a product are posted.
    pub fn events_url(&self, product: &str) -> String {
        format!("http://{}/v1/products/{product}/events", self.data)
    }

    /// Posts one event as JSON.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn post_json(&self, product: &str, event: &Value) -> Reply {
        self.post(product, "application/json", event.to_string()).await
    }

    /// Posts a body.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn post(&self, product: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
        self.send(self.client.post(self.events_url(product)).header("content-type", content_type).body(body)).await
    }

    /// A request to the data listener, to be sent with [`Sidecar::send`].
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.data))
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        Reply::of(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Asks the admin listener.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn admin(&self, path: &str) -> Reply {
        self.send(self.client.get(format!("http://{}{path}", self.admin))).await
    }

    /// `/readyz` of the health listener.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn readyz(&self) -> Result<Reply, reqwest::Error> {
        Reply::of(self.client.get(format!("http://{}/readyz", self.health))).await
    }

    /// Waits until `/readyz` says something; the pod stays ready meanwhile.
    ///
    /// # Panics
    /// When it does not within half a minute, or the pod is not ready.
    pub async fn says(&self, what: &str) {
        eventually(&format!("/readyz says {what:?}"), UP / 2, async || {
            let reply = self.readyz().await.ok()?;
            assert_eq!(reply.status, 200, "the pod stays ready: {}", reply.text());
            reply.text().contains(what).then_some(())
        })
        .await;
    }

    /// The Prometheus text.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn metrics(&self) -> String {
        self.send(self.client.get(format!("http://{}/metrics", self.health))).await.text()
    }

    /// Waits until every product is served.
    ///
    /// # Panics
    /// When one is not within a minute.
    pub async fn products_ready(&self) {
        eventually("every product is ready", UP, async || {
            let reply = self.readyz().await.ok()?;
            let products = reply.json()["products"].as_array()?.clone();
            products.iter().all(|product| product["ready"] == true).then_some(())
        })
        .await;
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Asks it to end.
    pub fn sigterm(&self) {
        self.signal("TERM");
    }

    /// Asks it to read its files again.
    pub fn sighup(&self) {
        self.signal("HUP");
    }

    /// Ends it at once, and waits for that.
    ///
    /// # Panics
    /// When that fails.
    pub fn kill9(&mut self) {
        self.process.kill().expect("a child can be killed");
        self.process.wait().expect("a child can be waited for");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it is still there after `limit`.
    pub async fn ended(&mut self, limit: Duration) -> ExitStatus {
        let process = &mut self.process;
        eventually("the sidecar ends", limit, async || process.try_wait().expect("a child can be asked")).await
    }

    /// Ends it in an orderly way.
    ///
    /// # Panics
    /// When it does not end with exit code 0 within half a minute.
    pub async fn stop(mut self) {
        self.sigterm();
        let status = self.ended(Duration::from_secs(30)).await;
        assert!(status.success(), "the sidecar ended with {status}");
    }

    fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", "kill -$0 $1", name, &self.pid().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot send SIG{name}");
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- log of the sidecar ---\n{}--- end of the log ---", self.log());
        }
    }
}

impl Reply {
    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// When no whole answer comes.
    pub async fn of(request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} with a body that is not JSON ({error}): {}", self.status, self.text()))
    }

    /// The items of a publish reply, in request order.
    ///
    /// # Panics
    /// When it has none.
    pub fn items(&self) -> Vec<Value> {
        let json = self.json();
        json["items"].as_array().unwrap_or_else(|| panic!("{} without items: {json}", self.status)).clone()
    }

    /// The items' `status`, in request order.
    ///
    /// # Panics
    /// When there are none.
    pub fn statuses(&self) -> Vec<String> {
        self.items().iter().map(|item| item["status"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// An HTTP client with connections of its own.
///
/// # Panics
/// Never: its settings are fixed.
pub fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    // Needed even for plain HTTP. Somebody else may have installed one already, which is as good.
    PROVIDER.get_or_init(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().expect("the settings are valid")
}
