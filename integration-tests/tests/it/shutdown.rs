//! What SIGTERM leaves behind.

use crate::order::Load;
use std::{collections::HashSet, time::Duration};
use tidegate_integration_tests::{Mesh, eventually, orders};

#[tokio::test]
async fn sigterm_under_load_loses_no_acked_event_and_answers_every_accepted_one() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let mut sidecar = sales.run().await;
    let load = Load::start(&sidecar, 16);
    eventually("the load is on", Duration::from_secs(60), async || (load.acked().len() > 400).then_some(())).await;

    sidecar.sigterm();
    let status = sidecar.ended(Duration::from_secs(30)).await;
    assert!(status.success(), "{status}\n{}", sidecar.log());
    let result = load.stop().await;
    assert_eq!(result.other, Vec::<String>::new(), "an answer is a receipt, or says that the sidecar is going");

    let records = sales.read_product("orders", 1).await;
    let ids: HashSet<&str> = records.iter().filter_map(|record| record.header("ce_id")).collect();
    for id in &result.acked {
        assert!(ids.contains(id.as_str()), "{id} was acked and is lost");
    }
    for id in &result.unanswered {
        assert!(!ids.contains(id.as_str()), "{id} was published and never answered");
    }
    assert_eq!(records.len(), result.acked.len(), "nothing came twice, and nothing that was refused");
}
