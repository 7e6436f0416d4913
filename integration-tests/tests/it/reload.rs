//! Files that change while a sidecar runs, and products whose release is still to come.

use std::time::Duration;
use tidegate_integration_tests::{Mesh, Sidecar, eventually, orders};

const SOON: Duration = Duration::from_secs(30);

fn sales() -> Mesh {
    Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA])
}

async fn publishes(sidecar: &Sidecar, number: u64) {
    let reply = sidecar.post_json("orders", &orders::order(number)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn edit(mesh: &Mesh, from: &str, to: &str) {
    let text = std::fs::read_to_string(mesh.folder().join("contracts/orders.odcs.yaml")).unwrap();
    assert!(text.contains(from), "the contract has no `{from}`");
    mesh.write("contracts/orders.odcs.yaml", &text.replace(from, to));
}

#[tokio::test]
async fn a_product_that_is_not_released_says_so_and_is_served_once_it_is() {
    let sales = sales();
    let sidecar = sales.start().await;
    sidecar.says("run `tidegate apply`").await;
    let reply = sidecar.post_json("orders", &orders::order(1)).await;
    assert_eq!(reply.status, 503, "{}", reply.text());
    sales.apply();
    sidecar.products_ready().await;
    publishes(&sidecar, 1).await;
    sidecar.stop().await;
}

#[tokio::test]
async fn a_new_version_waits_for_its_release_and_is_then_taken_up_by_itself() {
    let sales = sales();
    sales.apply();
    let sidecar = sales.run().await;
    edit(&sales, "version: 1.0.0", "version: 1.1.0");
    sidecar.says("1.1.0 is not released").await;
    publishes(&sidecar, 1).await;
    sales.apply();
    sidecar.says(r#""version":"1.1.0""#).await;
    publishes(&sidecar, 2).await;
    let reply = sidecar.readyz().await.unwrap();
    assert!(!reply.text().contains("not released"), "{}", reply.text());
    sidecar.stop().await;
}

#[tokio::test]
async fn a_broken_file_leaves_the_running_contract_in_force() {
    let sales = sales();
    sales.apply();
    let sidecar = sales.run().await;
    let good = std::fs::read_to_string(sales.folder().join("contracts/orders.odcs.yaml")).unwrap();
    sales.write("contracts/orders.odcs.yaml", &good[..good.len() / 2]);
    sidecar.sighup();
    sidecar.says("the files of now are not in force").await;
    let told = sidecar.admin("/v1/products").await;
    assert!(told.text().contains("the files of now are not in force"), "{}", told.text());
    assert!(sidecar.log().contains("a change of files is held back"), "{}", sidecar.log());
    publishes(&sidecar, 1).await;
    sales.write("contracts/orders.odcs.yaml", &good);
    eventually("the files are in force again", SOON, async || {
        let reply = sidecar.readyz().await.ok()?;
        (!reply.text().contains("not in force")).then_some(())
    })
    .await;
    publishes(&sidecar, 2).await;
    sidecar.stop().await;
}

#[tokio::test]
async fn a_contract_that_differs_from_its_release_is_not_served() {
    let sales = sales();
    sales.apply();
    edit(&sales, "maxLength: 64", "maxLength: 65");
    let sidecar = sales.start().await;
    sidecar.says("the file differs from the released 1.0.0").await;
    sidecar.stop().await;
}

#[tokio::test]
async fn a_broken_contract_at_start_is_an_error_that_names_the_line() {
    let sales = sales();
    edit(&sales, "logicalType: string", "logicalTyp: string");
    let outcome = sales.tidegate(&["run"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("orders.odcs.yaml:"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("logicalTyp"), "{}", outcome.stderr);
}
