//! Looks after the products' topics: one that is not there is said of its product once, not of every event.

use super::in_force::News;
use crate::product::Products;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tidegate_topics::producer::Producer;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long after a look the next one is, when all topics are there. A record that fails for its topic brings it forward.
const CALM: Duration = Duration::from_secs(30);
/// The same while one is missing or nobody answers; and never sooner, whatever fails.
const WAITING: Duration = Duration::from_secs(1);

/// Tells which topics are missing until `stop`.
pub(super) async fn watch(
    producer: Producer,
    products: Arc<Products>,
    tell: mpsc::Sender<News>,
    stop: CancellationToken,
) {
    let watching = async {
        let mut told = BTreeSet::new();
        loop {
            let topics: BTreeSet<String> =
                products.get().values().flatten().map(|product| product.contract.topic.clone()).collect();
            let topics: Vec<String> = topics.into_iter().collect();
            let missing = producer.missing(&topics).await;
            let all_there = missing.as_ref().is_some_and(BTreeSet::is_empty);
            if let Some(missing) = missing.filter(|missing| *missing != told) {
                told.clone_from(&missing);
                if tell.send(News::Missing(missing)).await.is_err() {
                    return;
                }
            }
            sleep(WAITING).await;
            if all_there {
                // Too late is no harm.
                let _ = timeout(CALM, producer.topic_missed()).await;
            }
        }
    };
    stop.run_until_cancelled(watching).await;
}
