//! Looks after the products' topics: that one is not there, or may not be written to, is said of its product once, not
//! of every event.

use super::in_force::News;
use crate::product::Products;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tidegate_topics::producer::Producer;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long after a look the next one is, when all topics are there. A record that fails for its topic brings it forward.
const CALM: Duration = Duration::from_secs(30);
/// The same while one cannot be written to or nobody answers; and never sooner, whatever fails.
const WAITING: Duration = Duration::from_secs(1);

/// Tells which topics cannot be written to until `stop`.
pub(super) async fn watch(
    producer: Producer,
    products: Arc<Products>,
    tell: mpsc::Sender<News>,
    stop: CancellationToken,
) {
    let watching = async {
        let mut told = None;
        loop {
            let topics: BTreeSet<String> =
                products.get().values().flatten().map(|product| product.contract.topic.clone()).collect();
            let found = producer.unwritable(topics.into_iter().collect()).await;
            let all_well = found.as_ref().is_some_and(BTreeMap::is_empty);
            if let Some(found) = found.filter(|found| told.as_ref() != Some(found)) {
                told = Some(found.clone());
                if tell.send(News::Unwritable(found)).await.is_err() {
                    return;
                }
            }
            sleep(WAITING).await;
            if all_well {
                // Too late is no harm.
                let _ = timeout(CALM, producer.topic_missed()).await;
            }
        }
    };
    stop.run_until_cancelled(watching).await;
}
