//! What SIGTERM leaves behind.

use crate::order::Load;
use std::{collections::HashSet, time::Duration};
use tidegate_integration_tests::{Mesh, eventually, orders};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

const PATIENCE: Duration = Duration::from_secs(60);
/// The grace period, and some for a busy box to start and end a process.
const GRACE: Duration = Duration::from_secs(30);

fn sales() -> Mesh {
    Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA])
}

/// faults.md, row 7.
#[tokio::test]
async fn sigterm_under_load_loses_no_acked_event_and_answers_every_accepted_one() {
    let sales = sales();
    sales.apply();
    let mut acked = Vec::new();
    for _ in 0..3 {
        let mut sidecar = sales.run().await;
        let load = Load::start(&sidecar, 16);
        eventually("the load is on", PATIENCE, async || (load.acked().len() > 300).then_some(())).await;
        sidecar.sigterm();
        let status = sidecar.ended(GRACE).await;
        assert!(status.success(), "{status}\n{}", sidecar.log());
        let result = load.stop().await;
        assert_eq!(result.other, Vec::<String>::new(), "an answer is a receipt, or says that the sidecar is going");
        acked.extend(result.acked);
    }
    let records = sales.read_product("orders", 1).await;
    let ids: HashSet<&str> = records.iter().filter_map(|record| record.header("ce_id")).collect();
    for id in &acked {
        assert!(ids.contains(id.as_str()), "{id} was acked and is lost");
    }
    assert_eq!(records.len(), acked.len(), "nothing came twice, and nothing that was refused or not answered");
}

#[tokio::test]
async fn readiness_drops_first_and_what_was_begun_is_answered() {
    let sales = sales();
    sales.apply();
    let mut sidecar = sales.run().await;
    let order = orders::order(1).to_string();
    let mut slow = BufReader::new(TcpStream::connect(sidecar.data()).await.expect("it listens"));
    let head = format!(
        "POST /v1/products/orders/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        order.len()
    );
    slow.write_all(head.as_bytes()).await.expect("it reads");
    let mut said = String::new();
    slow.read_line(&mut said).await.expect("it answers");
    assert!(said.starts_with("HTTP/1.1 100"), "the request has begun: {said}");

    sidecar.sigterm();
    let reply = eventually("it is not ready any more", PATIENCE, async || {
        sidecar.readyz().await.ok().filter(|reply| reply.status == 503)
    })
    .await;
    assert_eq!(reply.json()["status"], "draining");
    let data = sidecar.data();
    eventually("nobody new is taken", PATIENCE, async || TcpStream::connect(data).await.is_err().then_some(())).await;
    slow.write_all(order.as_bytes()).await.expect("it still reads");
    said.clear();
    slow.read_to_string(&mut said).await.expect("it answers");
    assert!(said.contains("HTTP/1.1 200") && said.contains("\"published\""), "{said}");
    let status = sidecar.ended(GRACE).await;
    assert!(status.success(), "{status}\n{}", sidecar.log());
    assert_eq!(sales.read_product("orders", 1).await.len(), 1);
}
