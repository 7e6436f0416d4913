//! Who may call, and what is open to whom.

use std::time::Duration;
use tidegate_integration_tests::{Mesh, eventually, orders};

fn sales() -> Mesh {
    Mesh::new("sales").contract(orders::CONTRACT, &[orders::SCHEMA])
}

#[tokio::test]
async fn tokens_are_asked_for_and_may_be_rotated_while_it_runs() {
    let sales = sales().config("security: {tokens: {file: tokens}}");
    sales.write("tokens", "first\nsecond\n");
    sales.apply();
    let sidecar = sales.run().await;
    let post = async |token: Option<&str>| {
        let request = sidecar.request(reqwest::Method::POST, "/v1/products/orders/events");
        let request = request.header("content-type", "application/json").body(orders::order(1).to_string());
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        sidecar.send(request).await
    };
    let denied = post(None).await;
    assert_eq!(denied.status, 401);
    assert!(denied.headers["www-authenticate"].to_str().is_ok_and(|value| value.starts_with("Bearer")));
    assert_eq!(post(Some("third")).await.status, 401);
    assert_eq!(post(Some("first")).await.status, 200);
    assert_eq!(post(Some("second")).await.status, 200);
    assert_eq!(sidecar.admin("/v1/products").await.status, 401);
    assert_eq!(sidecar.readyz().await.expect("an answer").status, 200, "health is for anyone");

    sales.write("tokens", "second\nthird\n");
    eventually("the new token opens", Duration::from_secs(30), async || {
        (post(Some("third")).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(post(Some("second")).await.status, 200);
    assert_eq!(post(Some("first")).await.status, 401);
    assert!(!sidecar.log().contains("third"), "no token is logged");
}

#[tokio::test]
async fn what_the_network_could_reach_is_not_served_to_anyone_by_chance() {
    let sales = sales();
    sales.apply();
    let text = std::fs::read_to_string(sales.folder().join("tidegate.yaml")).expect("it is there");
    let exposed = text.replacen("data: \"127.0.0.1:", "data: \"0.0.0.0:", 1);
    assert_ne!(text, exposed);
    sales.write("tidegate.yaml", &exposed);
    let outcome = sales.tidegate(&["run"]);
    assert_eq!(outcome.code, Some(1), "{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.stderr.contains("is not on loopback"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("security.tokens"), "{}", outcome.stderr);

    sales.write("tidegate.yaml", &format!("{exposed}security: {{allowAnonymous: true}}\n"));
    let sidecar = sales.run().await;
    assert_eq!(sidecar.post_json("orders", &orders::order(1)).await.status, 200);
}
