//! Follows the domain's catalog feed, for as long as the process lives and whatever becomes of Kafka.

use super::in_force::News;
use crate::telemetry::counters::{Counters, SkipReason};
use std::{sync::Arc, time::Duration};
use tidegate_contracts::feed::{FeedRecord, catalog::CatalogEntry};
use tidegate_topics::{
    config::KafkaConfig,
    feed::{self, Item, Skipped},
    tail::{Start, TailError},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How long after a failure it is tried again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// Tells what the catalog says until `stop`.
pub(super) async fn follow(
    kafka: KafkaConfig,
    domain: String,
    counters: Arc<Counters>,
    tell: mpsc::Sender<News>,
    stop: CancellationToken,
) {
    let following = async {
        let mut pause = PAUSE.0;
        loop {
            let trouble = match read(&kafka, &domain, &counters, &tell, &mut pause).await {
                Ok(()) => return,
                Err(error) => error.to_string(),
            };
            tracing::debug!(trouble, "the catalog cannot be followed for now");
            if tell.send(News::Trouble(trouble)).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(PAUSE.1);
        }
    };
    stop.run_until_cancelled(following).await;
}

/// Reads the catalog to its end and then follows it. Ends well only when nobody listens any more.
async fn read(
    kafka: &KafkaConfig,
    domain: &str,
    counters: &Counters,
    tell: &mpsc::Sender<News>,
    pause: &mut Duration,
) -> Result<(), TailError> {
    let snapshot = feed::snapshot::<CatalogEntry>(kafka, domain).await?;
    count(counters, Skipped::default(), snapshot.skipped);
    for item in snapshot.items {
        if tell.send(record(item)).await.is_err() {
            return Ok(());
        }
    }
    if tell.send(News::Complete).await.is_err() {
        return Ok(());
    }
    *pause = PAUSE.0;
    let mut tail = feed::follow::<CatalogEntry>(kafka, &[domain], Start::Offsets(snapshot.next))?;
    let mut skipped = tail.skipped();
    while let Some(item) = tail.step().await {
        count(counters, skipped, tail.skipped());
        skipped = tail.skipped();
        if let Some(item) = item?
            && tell.send(record(item)).await.is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

fn record(item: Item<CatalogEntry>) -> News {
    News::Record(item.key, item.record.map(Box::new))
}

fn count(counters: &Counters, before: Skipped, now: Skipped) {
    let counts = [
        (SkipReason::ForeignSpeaker, before.wrong_speaker, now.wrong_speaker),
        (SkipReason::LaterVersion, before.later_version, now.later_version),
        (SkipReason::Garbage, before.garbage, now.garbage),
    ];
    for (reason, before, now) in counts {
        for _ in before..now {
            counters.skipped(CatalogEntry::FEED, reason);
        }
    }
}
