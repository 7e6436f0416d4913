//! Keeps the products in force as the files and the catalog say.

use super::{
    in_force::{InForce, News},
    watch::Watch,
};
use crate::{
    product::{Contracts, Products, Snapshot, State},
    telemetry::counters::Counters,
};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the keeper works on.
pub(super) struct Keeper {
    pub(super) in_force: InForce,
    pub(super) products: Arc<Products>,
    pub(super) counters: Arc<Counters>,
    /// Reads the contract files; an error says all that is wrong.
    pub(super) load: Box<dyn Fn() -> Result<Contracts, String> + Send>,
    /// What else is read again when files are.
    pub(super) asked: Box<dyn Fn() + Send>,
    /// What follows when other products may be in force.
    pub(super) decided: Box<dyn Fn() + Send>,
}

impl Keeper {
    /// Runs until `stop`.
    pub(super) async fn run(mut self, mut news: mpsc::Receiver<News>, mut watch: Watch, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = watch.changed() => {
                    let read = (self.load)();
                    (self.asked)();
                    self.in_force.files(read);
                    let taken_up = self.decide();
                    self.counters.reloaded(taken_up);
                }
                Some(heard) = news.recv() => {
                    self.in_force.hear(heard);
                    // Records come in bursts; one decision is enough for all that is there.
                    while let Ok(heard) = news.try_recv() {
                        self.in_force.hear(heard);
                    }
                    self.decide();
                }
            }
        }
    }

    /// Puts in force what is to be; says whether the files of now are.
    pub(super) fn decide(&mut self) -> bool {
        let before = self.products.get();
        let decision = self.in_force.decide(&before);
        tell(&before, &decision.snapshot);
        let held = self.products.held();
        match &decision.held {
            Some(reason) if held.as_ref() != Some(reason) => tracing::warn!(reason, "a change of files is held back"),
            None if held.is_some() => tracing::info!("the change of files is in force"),
            _ => {}
        }
        let taken_up = decision.held.is_none();
        self.products.hold(decision.held);
        self.products.set(decision.snapshot);
        (self.decided)();
        taken_up
    }
}

/// Logs what became of each product.
fn tell(before: &Snapshot, after: &Snapshot) {
    let before_any = before.is_empty();
    let find = |product: &str, major| {
        let majors = before.get(product)?;
        majors.iter().find(|before| before.contract.major() == major)
    };
    for product in after.values().flatten() {
        let contract = &product.contract;
        let before = find(&contract.product, contract.major());
        let reference = contract.reference();
        match (before.map(|before| &before.state), &product.state) {
            (Some(State::Ready(_)), State::Ready(_))
                if before.is_some_and(|b| b.contract.version == contract.version) => {}
            (_, State::Ready(serving)) => {
                tracing::info!(product = reference, schema_id = serving.schema_id, topic = contract.topic, "ready");
            }
            (Some(State::NotReady(old)), State::NotReady(new)) if old == new => {}
            // At start: what the catalog says is not known yet.
            (None, State::NotReady(reason)) if before_any => {
                tracing::debug!(product = reference, reason, "not ready yet")
            }
            (_, State::NotReady(reason)) => tracing::warn!(product = reference, reason, "not ready"),
        }
    }
}
