//! The harness itself: where the broker and the registry come from.

use std::process::Command;
use tidegate_integration_tests::{Kind, parts};

#[test]
fn parts_are_of_the_kind_that_is_asked_for() {
    let set = |name: &str| std::env::var(name).ok();
    let given = set("TIDEGATE_TEST_KAFKA").is_some() && set("TIDEGATE_TEST_REGISTRY").is_some();
    match set("TIDEGATE_TEST_PARTS") {
        Some(kind) => assert_eq!(parts().kind.to_string(), kind),
        None => assert_eq!(parts().kind == Kind::Given, given),
    }
}

#[test]
fn addresses_in_the_environment_come_first() {
    let child = Command::new(std::env::current_exe().expect("a test knows itself"))
        .args(["parts::parts_are_of_the_kind", "order::events_of_a_key", "--nocapture"])
        .env_remove("TIDEGATE_TEST_PARTS")
        .env("TIDEGATE_TEST_KAFKA", &parts().kafka)
        .env("TIDEGATE_TEST_REGISTRY", &parts().registry)
        .output()
        .expect("the test binary runs again");
    let (out, err) = (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "{out}\n{err}");
    assert!(err.contains(&format!("parts (given): kafka {}", parts().kafka)), "{err}");
    assert!(out.contains("2 passed"), "{out}");
}
