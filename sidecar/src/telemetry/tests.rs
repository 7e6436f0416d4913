use super::{counters::*, metrics::*, *};
use std::collections::HashSet;
use tidegate_contracts::violation::{Clause, Violation, Violations};

#[test]
fn the_reference_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/METRICS.md");
    let wanted = prometheus::reference();
    if std::fs::read_to_string(path).unwrap_or_default() != wanted {
        std::fs::write(path, wanted).unwrap();
        panic!("METRICS.md was out of date and has been written again; commit it");
    }
}

#[test]
fn names_are_distinct_and_follow_the_rules_of_prometheus() {
    let mut names = HashSet::new();
    for (at, metric) in Metric::ALL.into_iter().enumerate() {
        assert_eq!(metric as usize, at);
        let definition = metric.definition();
        let name = definition.prometheus();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'), "{name}");
        assert!(!definition.help.ends_with('.'), "{name}");
        assert!(names.insert(name));
    }
}

#[test]
fn metrics_render_as_prometheus_reads_them() {
    let counters = Arc::new(Counters::new());
    let orders = counters.product("orders", 1);
    orders.events(EventOutcome::Published, 5);
    orders.events(EventOutcome::Quarantined, 2);
    let violation = |clause| Violation {
        path: "total".into(),
        position: None,
        clause,
        expected: "a number".into(),
        found: "string".into(),
        hint: None,
    };
    let listed = vec![violation(Clause::Type), violation(Clause::Type), violation(Clause::MinLength)];
    orders.violations(&Violations { listed, more: 3 });
    orders.undeclared(4);
    orders.publish.record(Duration::from_millis(2));
    orders.publish.record(Duration::from_secs(60));
    counters.replied(207);
    counters.replied(499);
    counters.skipped("changes", SkipReason::ForeignSpeaker);
    counters.reloaded(false);
    let text = Sources::new(counters, Arc::default()).prometheus();
    // What this process itself is like differs from run to run.
    let own: Vec<_> = text.lines().filter(|line| !line.contains("process_") && !line.contains("_lost_total")).collect();
    insta::assert_snapshot!(own.join("\n").replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}
