//! A registry that is away, slow or lying does not touch a product that is known.

use crate::order::Load;
use std::time::Duration;
use tidegate_integration_tests::{Mesh, Mode, Proxy, eventually, orders, parts};

/// A domain whose registry can be taken away.
pub(crate) fn mesh() -> (Mesh, Proxy) {
    let (kafka, registry) = (&parts().kafka, &parts().registry);
    let url = reqwest::Url::parse(registry).expect("the registry's address is a URL");
    let host = url.host_str().expect("a URL has a host");
    let proxy = Proxy::start(&format!("{host}:{}", url.port_or_known_default().unwrap_or(80)));
    let through = format!("http://{}{}", proxy.address(), url.path());
    let mesh = Mesh::on("sales", kafka, &through).contract(orders::CONTRACT, &[orders::SCHEMA]);
    mesh.apply();
    (mesh, proxy)
}

#[tokio::test]
async fn a_registry_that_is_away_before_the_start_changes_nothing_for_a_known_product() {
    let (sales, proxy) = mesh();
    for mode in [Mode::Cut, Mode::Stall] {
        proxy.set(mode);
        let sidecar = sales.run().await;
        let reply = sidecar.post_json("orders", &orders::order(1)).await;
        assert_eq!(reply.statuses(), ["published"], "{mode:?}: {}", reply.text());
        sidecar.stop().await;
    }
    proxy.set(Mode::Pass);
    let records = sales.read_product("orders", 1).await;
    assert_eq!(records.iter().map(|record| record.json()).collect::<Vec<_>>(), [orders::order(1), orders::order(1)]);
}

#[tokio::test]
async fn a_registry_that_goes_under_load_changes_nothing_for_a_known_product() {
    let (sales, proxy) = mesh();
    let sidecar = sales.run().await;
    let load = Load::start(&sidecar, 4);
    for mode in [Mode::Pass, Mode::Cut, Mode::Stall] {
        proxy.set(mode);
        let goal = load.acked().len() + 200;
        eventually("events go on", Duration::from_secs(60), async || (load.acked().len() > goal).then_some(())).await;
    }
    let result = load.stop().await;
    assert_eq!((result.unanswered, result.other), (Vec::new(), Vec::new()), "every event has its receipt");
    proxy.set(Mode::Pass);
    assert_eq!(sales.read_product("orders", 1).await.len(), result.acked.len());
    assert_eq!(sales.read_quarantine("orders", 1).await.len(), 0, "nothing is quarantined for the registry's sake");
}
