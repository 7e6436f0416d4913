//! What `kill -9` leaves behind.

use crate::order::Load;
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use tidegate_integration_tests::{Mesh, eventually, orders};

#[tokio::test]
async fn kill_9_under_load_loses_invents_and_alters_nothing_that_was_acked() {
    let sales = Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA]);
    sales.apply();
    let (mut acked, mut retried) = (HashSet::new(), HashSet::new());
    for round in 1..=3 {
        let mut sidecar = sales.run().await;
        // The first ones are those of the rounds before, so what got no answer is sent again with the same id.
        let load = Load::start(&sidecar, 8);
        let goal = acked.len() + 100 * round;
        eventually("the load is on", Duration::from_secs(60), async || (load.acked().len() > goal).then_some(())).await;
        sidecar.kill9();
        let result = load.stop().await;
        assert_eq!(result.other, Vec::<String>::new());
        retried.extend(acked.iter().cloned().chain(result.unanswered));
        acked.extend(result.acked);
    }

    let mut copies: HashMap<String, usize> = HashMap::new();
    for record in sales.read_product("orders", 1).await {
        let event = record.json();
        assert_eq!(event, orders::order(event["sequence"].as_u64().expect("a number")), "altered or invented");
        *copies.entry(record.header("ce_id").expect("an id").to_owned()).or_default() += 1;
    }
    for id in &acked {
        assert!(copies.contains_key(id), "{id} was acked and is lost");
    }
    for (id, copies) in copies {
        assert!(copies == 1 || retried.contains(&id), "{id} is there {copies} times and was sent once");
    }
}
