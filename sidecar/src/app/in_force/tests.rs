use super::*;
use crate::product::{Products, State, sample::contract};
use std::sync::Arc;
use tidegate_contracts::{
    contract::Contract,
    feed::catalog::{CatalogEntry, Entry, Lifecycle, Major, Release},
    timestamp::Timestamp,
};

/// A sidecar without files, Kafka and HTTP.
struct Sidecar {
    in_force: InForce,
    products: Products,
}

impl Sidecar {
    fn start(contracts: &[Arc<Contract>]) -> Self {
        let in_force = InForce::new("sales", files(contracts), Limits::default(), "kafka is away");
        let mut sidecar = Self { in_force, products: Products::default() };
        sidecar.decide();
        sidecar
    }

    fn decide(&mut self) -> &mut Self {
        let decision = self.in_force.decide(&self.products.get());
        self.products.hold(decision.held);
        self.products.set(decision.snapshot);
        self
    }

    fn released(&mut self, contract: &Contract, id: u32) -> &mut Self {
        let release = Release::of(contract, id, None).unwrap();
        let major = Major {
            major: 1,
            topic: contract.topic.clone(),
            current: contract.version.to_string(),
            lifecycle: Lifecycle::Active,
            deprecation: None,
            successor: None,
        };
        for what in [Entry::Release(release), Entry::Major(major)] {
            let entry = CatalogEntry {
                domain: "sales".into(),
                product: contract.product.clone(),
                at: Timestamp(0),
                change: "x".into(),
                what,
            };
            let key = tidegate_contracts::feed::FeedRecord::key(&entry);
            self.in_force.hear(News::Record(key, Some(Box::new(entry))));
        }
        self.in_force.hear(News::Complete);
        self.unwritable(&[])
    }

    fn unwritable(&mut self, topics: &[(&str, Unwritable)]) -> &mut Self {
        let owned = |(topic, why): &(&str, Unwritable)| ((*topic).to_owned(), why.clone());
        self.in_force.hear(News::Unwritable(topics.iter().map(owned).collect()));
        self.decide()
    }

    fn files(&mut self, contracts: &[Arc<Contract>]) -> &mut Self {
        self.in_force.files(Ok(files(contracts)));
        self.decide()
    }

    /// `orders@1.0.0 ready 7 +2 | …`, and what is held.
    fn check(&mut self, expected: &str, held: &str) -> &mut Self {
        let snapshot = self.products.get();
        let mut shown: Vec<String> = snapshot
            .values()
            .flatten()
            .map(|product| {
                let reference = format!("{}@{}", product.contract.product, product.contract.version);
                match &product.state {
                    State::Ready(serving) => {
                        format!("{reference} ready {} +{}", serving.schema_id, serving.writers.len())
                    }
                    State::NotReady(reason) => format!("{reference}: {reason}"),
                }
            })
            .collect();
        shown.sort();
        assert_eq!(shown.join(" | "), expected);
        assert_eq!(self.products.held().unwrap_or_default(), held);
        self
    }
}

fn files(contracts: &[Arc<Contract>]) -> Contracts {
    Contracts { contracts: contracts.to_vec(), ..Contracts::default() }
}

fn orders(version: &str, fields: &[&str]) -> Arc<Contract> {
    contract("orders", version, fields, &[])
}

#[test]
fn a_product_is_ready_when_the_catalog_has_its_version() {
    let first = orders("1.0.0", &["id"]);
    Sidecar::start(std::slice::from_ref(&first))
        .check("orders@1.0.0: the domain's catalog could not be read yet: kafka is away", "")
        .released(&contract("payments", "1.0.0", &["id"], &[]), 3)
        .check("orders@1.0.0: sales.orders@1.0.0 is not released; run `tidegate apply`", "")
        .released(&first, 7)
        .check("orders@1.0.0 ready 7 +0", "")
        .released(&orders("1.1.0", &["id", "b"]), 8)
        .check("orders@1.0.0 ready 7 +1", "");
}

#[test]
fn an_unreleased_version_waits_and_is_taken_up_by_itself_when_it_is_released() {
    let (first, second) = (orders("1.0.0", &["id"]), orders("1.1.0", &["id", "b"]));
    Sidecar::start(std::slice::from_ref(&first))
        .released(&first, 7)
        .files(std::slice::from_ref(&second))
        .check(
            "orders@1.0.0 ready 7 +0",
            "the files of now wait until each product is released: orders.v1: sales.orders@1.1.0 is not released, \
             1.0.0 is the last one that was; run `tidegate apply`",
        )
        .released(&second, 8)
        .check("orders@1.1.0 ready 8 +1", "");
}

#[test]
fn a_file_that_differs_from_what_was_released_leaves_the_running_one_in_force() {
    let first = orders("1.0.0", &["id"]);
    Sidecar::start(std::slice::from_ref(&first)).released(&first, 7).files(&[orders("1.0.0", &["id", "b"])]).check(
        "orders@1.0.0 ready 7 +0",
        "the files of now wait until each product is released: orders.v1: the file differs from the released 1.0.0 \
         (the Avro schema); raise the version and run `tidegate apply`",
    );
    Sidecar::start(&[orders("1.0.0", &["id", "b"])]).released(&first, 7).check(
        "orders@1.0.0: the file differs from the released 1.0.0 (the Avro schema); raise the version and run \
         `tidegate apply`",
        "",
    );
}

#[test]
fn files_are_taken_up_all_or_not_at_all() {
    let (orders_1, payments_1) = (orders("1.0.0", &["id"]), contract("payments", "1.0.0", &["id"], &[]));
    let (orders_2, payments_2) = (orders("1.1.0", &["id", "b"]), contract("payments", "1.1.0", &["id", "b"], &[]));
    let mut sidecar = Sidecar::start(&[orders_1.clone(), payments_1.clone()]);
    sidecar
        .released(&orders_1, 7)
        .released(&payments_1, 8)
        .released(&orders_2, 9)
        .files(&[orders_2.clone(), payments_2.clone()])
        .check(
            "orders@1.0.0 ready 7 +1 | payments@1.0.0 ready 8 +0",
            "the files of now wait until each product is released: payments.v1: sales.payments@1.1.0 is not released, \
             1.0.0 is the last one that was; run `tidegate apply`",
        )
        .released(&payments_2, 10)
        .check("orders@1.1.0 ready 9 +1 | payments@1.1.0 ready 10 +1", "");
}

#[test]
fn a_broken_file_leaves_the_running_ones_in_force_and_says_so() {
    let first = orders("1.0.0", &["id"]);
    let mut sidecar = Sidecar::start(std::slice::from_ref(&first));
    sidecar.released(&first, 7).in_force.files(Err("2 errors in the contracts".into()));
    sidecar
        .decide()
        .check("orders@1.0.0 ready 7 +0", "the files of now are not in force: 2 errors in the contracts")
        .files(&[first])
        .check("orders@1.0.0 ready 7 +0", "");
}

#[test]
fn products_come_and_go_with_their_files() {
    let (first, other) = (orders("1.0.0", &["id"]), contract("payments", "1.0.0", &["id"], &[]));
    Sidecar::start(std::slice::from_ref(&first))
        .released(&first, 7)
        .files(&[first.clone(), other])
        .check(
            "orders@1.0.0 ready 7 +0 | payments@1.0.0: sales.payments@1.0.0 is not released; run `tidegate apply`",
            "",
        )
        .files(&[])
        .check("", "");
}

#[test]
fn a_catalog_once_read_goes_on_to_count() {
    let first = orders("1.0.0", &["id"]);
    let mut sidecar = Sidecar::start(std::slice::from_ref(&first));
    sidecar.released(&first, 7).in_force.hear(News::Trouble("kafka is away".into()));
    sidecar.decide().check("orders@1.0.0 ready 7 +0", "");
}

#[test]
fn a_product_whose_topic_cannot_be_written_to_is_not_ready_and_the_others_are() {
    let contracts = [orders("1.0.0", &["id"]), contract("payments", "1.0.0", &["id"], &["topics: external"])];
    let mut sidecar = Sidecar::start(&contracts);
    sidecar.released(&contracts[0], 7).released(&contracts[1], 8);
    sidecar
        .unwritable(&[("sales.orders.v1", Unwritable::Missing), ("sales.other.v1", Unwritable::Missing)])
        .check(
            "orders@1.0.0: the topic sales.orders.v1 does not exist; run `tidegate apply` | payments@1.0.0 ready 8 +0",
            "",
        )
        .unwritable(&[("sales.payments.v1", Unwritable::Missing)])
        .check(
            "orders@1.0.0 ready 7 +0 | payments@1.0.0: the topic sales.payments.v1 does not exist; it is managed \
             elsewhere (`tidegate.topics: external`), and has to be made there",
            "",
        )
        .unwritable(&[("sales.orders.v1", Unwritable::Denied("no right".into()))])
        .check("orders@1.0.0: no right | payments@1.0.0 ready 8 +0", "")
        .unwritable(&[])
        .check("orders@1.0.0 ready 7 +0 | payments@1.0.0 ready 8 +0", "");

    // Before the first look nothing is promised.
    let mut sidecar = Sidecar::start(&contracts[..1]);
    sidecar.released(&contracts[0], 7).in_force.unwritable = None;
    sidecar.decide().check("orders@1.0.0: the topic sales.orders.v1 has not been looked at yet", "");
}

#[test]
fn what_did_not_change_keeps_its_compiled_plans() {
    let first = orders("1.0.0", &["id"]);
    let mut sidecar = Sidecar::start(std::slice::from_ref(&first));
    let plan = |sidecar: &Sidecar| match &sidecar.products.get()["orders"][0].state {
        State::Ready(serving) => serving.plan.clone(),
        State::NotReady(reason) => panic!("{reason}"),
    };
    sidecar.released(&first, 7);
    let before = plan(&sidecar);
    // Read anew, it is another contract that says the same.
    sidecar.files(&[orders("1.0.0", &["id"])]);
    assert!(Arc::ptr_eq(&before, &plan(&sidecar)));
}
