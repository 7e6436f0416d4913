use super::*;
use crate::feed::{
    catalog::tests::release,
    changes::{Action, Severity, Withdrawn, tests::change},
};
use proptest::prelude::*;

/// A log under test: records are appended as one would write them, and folded at once.
struct Log {
    fold: ReleaseLog,
    effects: Vec<Effect>,
    records: Vec<Change>,
    now: i64,
}

impl Log {
    fn new() -> Self {
        Self { fold: ReleaseLog::new("sales"), effects: Vec::new(), records: Vec::new(), now: 0 }
    }

    fn say(&mut self, what: What) -> &Effect {
        self.say_as("sales", "ci", what)
    }

    fn say_as(&mut self, domain: &str, by: &str, what: What) -> &Effect {
        let mut change = change(domain, "orders", what);
        let offset = self.records.len() as i64;
        change.id = format!("c{offset}");
        change.at = Timestamp(self.now);
        change.by.name = by.to_owned();
        self.records.push(change.clone());
        self.effects.push(self.fold.take(offset, change));
        self.effects.last().unwrap()
    }

    /// Applies and releases a version, on top of what is last.
    fn release(&mut self, version: &str) {
        let base = self.base();
        assert_eq!(self.say(applying("r", version, base.as_deref(), self.now + 60)), &Effect::Taken, "{version}");
        assert_eq!(self.say(released("r", version, base.as_deref())), &Effect::Taken, "{version}");
    }

    fn orders(&self) -> &ProductLog {
        self.fold.product("orders").unwrap()
    }

    fn base(&self) -> Option<String> {
        self.fold.product("orders").and_then(ProductLog::last).map(|last| last.id.clone())
    }

    fn may(&self, apply: &str, version: &str, builds_on: Option<&str>) -> Result<Next, String> {
        let version = version.parse().unwrap();
        let intent = Intent { product: "orders", apply, version: &version, builds_on };
        self.fold.may_apply(intent, Timestamp(self.now)).map_err(|refusal| refusal.to_string())
    }

    fn standing(&self, apply: &str, builds_on: Option<&str>) -> Standing {
        self.standing_of(apply, "1.0.0", builds_on)
    }

    fn standing_of(&self, apply: &str, version: &str, builds_on: Option<&str>) -> Standing {
        let version = version.parse().unwrap();
        self.fold.standing(Intent { product: "orders", apply, version: &version, builds_on })
    }
}

fn applying(apply: &str, version: &str, builds_on: Option<&str>, lease: i64) -> What {
    What::Applying(Applying {
        apply: apply.to_owned(),
        version: version.to_owned(),
        builds_on: builds_on.map(str::to_owned),
        proposal: None,
        document_hash: release(version).document_hash,
        lease: Timestamp(lease),
    })
}

fn released(apply: &str, version: &str, builds_on: Option<&str>) -> What {
    What::Released(Released {
        apply: apply.to_owned(),
        builds_on: builds_on.map(str::to_owned),
        proposal: None,
        release: release(version),
        differences: Vec::new(),
        severity: Severity::Safe,
    })
}

fn deprecated(major: u32, sunset: Option<&str>) -> What {
    let deprecation = sunset.map(|sunset| Deprecation { sunset: Some(sunset.to_owned()), ..Default::default() });
    What::Deprecated(Deprecated { major, deprecation })
}

fn retired(major: u32) -> What {
    What::Retired(Retired { major, successor: Some("orders@2".to_owned()), reason: None })
}

#[test]
fn the_first_apply_on_a_release_wins_and_the_other_is_told_whom_to_wait_for() {
    let mut log = Log::new();
    assert_eq!(log.may("a", "1.0.0", None), Ok(Next::First));
    log.say_as("sales", "ann", applying("a", "1.0.0", None, 60));
    log.now = 10;
    let refusal = Refusal::InFlight { by: "ann".to_owned(), version: "1.0.0".to_owned(), lease: Timestamp(60) };
    assert_eq!(log.say(applying("b", "1.1.0", None, 70)), &Effect::Lost(refusal.clone()));
    assert_eq!(log.fold.winner("orders").unwrap().applying.apply, "a");
    assert_eq!(log.standing("a", None), Standing::Won);
    assert_eq!(log.standing("b", None), Standing::Lost(refusal));
    assert_eq!(log.standing("c", None), Standing::Unread);
    let why = "ann is applying 1.0.0 and has until 1970-01-01T00:00:00.060Z; wait for it, or take it over after that";
    assert_eq!(log.may("b", "1.1.0", None), Err(why.to_owned()));
    // The loser's release does not count, the winner's does.
    assert!(matches!(log.say(released("b", "1.1.0", None)), Effect::Lost(Refusal::InFlight { .. })));
    assert_eq!(log.say(released("a", "1.0.0", None)), &Effect::Taken);
    assert_eq!(log.orders().last().unwrap().version, Version::new(1, 0, 0));
    assert_eq!(log.standing("a", None), Standing::Released);
    assert_eq!(log.standing("b", None), Standing::Lost(Refusal::Stale { last: Some(Version::new(1, 0, 0)) }));
    assert_eq!(log.fold.winner("orders"), None);
    assert_eq!(log.fold.skipped(), Skipped { lost: 2, ..Skipped::default() });
}

#[test]
fn an_unfinished_apply_is_taken_over_after_its_lease_and_its_release_no_longer_counts() {
    let mut log = Log::new();
    log.say(applying("a", "1.0.0", None, 60));
    log.now = 59;
    assert!(log.may("b", "1.0.0", None).is_err());
    log.now = 60;
    assert_eq!(log.may("b", "1.0.0", None), Ok(Next::First));
    assert_eq!(log.say_as("sales", "ben", applying("b", "1.0.0", None, 120)), &Effect::Taken);
    assert_eq!(log.fold.winner("orders").unwrap().took_over.as_deref(), Some("a"));
    assert_eq!(log.standing("a", None), Standing::Lost(Refusal::TakenOver { by: "ben".to_owned() }));
    assert!(matches!(log.say(released("a", "1.0.0", None)), Effect::Lost(Refusal::TakenOver { .. })));
    // Neither does its late extension bring it back, until the other's lease is over as well.
    assert!(matches!(log.say(applying("a", "1.0.0", None, 200)), Effect::Lost(Refusal::InFlight { .. })));
    log.now = 120;
    assert_eq!(log.say(applying("a", "1.0.0", None, 200)), &Effect::Taken);
    assert_eq!(log.standing("a", None), Standing::Won);
    assert!(matches!(log.standing("b", None), Standing::Lost(Refusal::TakenOver { .. })));
    assert_eq!(log.say(released("a", "1.0.0", None)), &Effect::Taken);
}

#[test]
fn the_same_apply_resumes_and_extends_its_lease() {
    let mut log = Log::new();
    log.say(applying("a", "1.0.0", None, 60));
    assert_eq!(log.may("a", "1.0.0", None), Ok(Next::First));
    log.now = 50;
    assert_eq!(log.say(applying("a", "1.0.0", None, 110)), &Effect::Taken);
    log.now = 70;
    assert!(log.may("b", "1.0.0", None).is_err());
    // Long after its lease it still may finish, as long as nobody took it over.
    log.now = 1_000;
    assert_eq!(log.standing("a", None), Standing::Won);
    assert_eq!(log.say(released("a", "1.0.0", None)), &Effect::Taken);
}

#[test]
fn a_release_counts_only_as_it_was_announced() {
    let check = |what: What| {
        let mut log = Log::new();
        log.say(applying("a", "1.0.0", None, 60));
        assert!(matches!(log.say(what), Effect::Lost(Refusal::NeverWon)));
        assert_eq!(log.orders().last(), None);
        assert!(log.orders().in_flight().is_some());
    };
    check(released("a", "1.0.1", None));
    check(released("a", "1.0.0", Some("c9")));
    check(released("z", "1.0.0", None));
    let What::Released(mut other_document) = released("a", "1.0.0", None) else { unreachable!() };
    other_document.release.document_hash = "other".to_owned();
    check(What::Released(other_document));
}

#[test]
fn what_may_come_next_follows_from_what_is_out() {
    let mut log = Log::new();
    for version in ["1.0.0", "1.2.0", "2.0.0", "1.3.0"] {
        log.release(version);
    }
    log.say(retired(2));
    let check = |version: &str, expected: Result<Next, &str>| {
        assert_eq!(log.may("a", version, log.base().as_deref()), expected.map_err(str::to_owned), "{version}");
    };
    let after = |version: &str| Ok(Next::Version { after: version.parse().unwrap() });
    check("1.3.1", after("1.3.0"));
    check("1.10.0", after("1.3.0"));
    check("1.4.0-rc.1", after("1.3.0"));
    check("3.0.0", Ok(Next::NewMajor { beside: vec![1, 2] }));
    check("5.0.0", Ok(Next::NewMajor { beside: vec![1, 2] }));
    check("1.3.0", Err("1.3.0 is released and never changes; give the contract a higher version"));
    check("1.0.0", Err("1.0.0 is released and never changes; give the contract a higher version"));
    let too_low = |wanted: &str| {
        format!("{wanted} is not higher than 1.3.0, the last release of its major; give the contract a higher version")
    };
    check("1.2.5", Err(&too_low("1.2.5")));
    check("1.3.0-rc.1", Err(&too_low("1.3.0-rc.1")));
    check("1.3.0+build.2", Err(&too_low("1.3.0+build.2")));
    check("2.1.0", Err("major 2 is retired in favour of orders@2; release a new major instead"));
    check("0.9.0", Err("major 0 was never released, and 2 is out already; the next new major is 3"));
    let stale = "1.3.0 was released since this was planned; run `tidegate plan` again";
    assert_eq!(log.may("a", "1.4.0", Some("c0")), Err(stale.to_owned()));
    assert_eq!(log.may("a", "1.4.0", None), Err(stale.to_owned()));
    let nothing = "nothing was released since this was planned; run `tidegate plan` again";
    assert_eq!(Log::new().may("a", "1.0.0", Some("c0")), Err(nothing.to_owned()));
    assert_eq!(log.orders().current(1).unwrap().version, Version::new(1, 3, 0));
    assert_eq!(log.orders().majors().keys().collect::<Vec<_>>(), [&1, &2]);
}

#[test]
fn no_applying_entry_gets_past_what_may_apply_refuses() {
    let mut log = Log::new();
    log.release("1.2.0");
    let base = log.base();
    for (version, refused) in [("1.1.0", "is not higher"), ("1.2.0", "never changes"), ("0.1.0", "never released")] {
        let effect = log.say(applying("a", version, base.as_deref(), 60)).clone();
        let Effect::Lost(refusal) = effect else { panic!("{version}: {effect:?}") };
        assert!(refusal.to_string().contains(refused), "{refusal}");
    }
    for version in ["one", "1.2", "4294967296.0.0", ""] {
        let effect = log.say(applying("a", version, base.as_deref(), 60));
        assert_eq!(effect, &Effect::Lost(Refusal::NotAVersion(version.to_owned())));
    }
    assert_eq!(log.orders().in_flight(), None);
}

#[test]
fn a_record_of_another_speaker_is_ignored_and_counted() {
    let mut log = Log::new();
    assert_eq!(log.say_as("risk", "eve", applying("e", "1.0.0", None, 60)), &Effect::WrongSpeaker);
    assert_eq!(log.fold.product("orders").map(ProductLog::releases), None);
    log.release("1.0.0");
    assert_eq!(log.say_as("risk", "eve", retired(1)), &Effect::WrongSpeaker);
    assert_eq!(log.orders().majors()[&1].lifecycle, Lifecycle::Active);
    assert_eq!(log.fold.skipped(), Skipped { wrong_speaker: 2, ..Skipped::default() });
}

#[test]
fn proposals_stand_until_withdrawn_or_released() {
    let mut log = Log::new();
    let proposed = |version: &str| {
        What::Proposed(Proposed {
            version: version.to_owned(),
            builds_on: None,
            effective: Timestamp(1_000),
            schema: String::new(),
            document: String::new(),
            document_hash: "c0ffee".to_owned(),
            differences: Vec::new(),
            breaks: Vec::new(),
            note: None,
        })
    };
    let withdrawn = |proposal: &str| What::Withdrawn(Withdrawn { proposal: proposal.to_owned(), reason: None });
    log.say(proposed("1.0.0"));
    log.say(proposed("1.1.0"));
    let open = |log: &Log| log.orders().proposals().keys().cloned().collect::<Vec<_>>();
    assert_eq!(open(&log), ["c0", "c1"]);
    assert_eq!(log.say(withdrawn("c1")), &Effect::Taken);
    assert_eq!(log.say(withdrawn("c1")), &Effect::Pointless);
    assert_eq!(open(&log), ["c0"]);
    log.say(applying("a", "1.0.0", None, 60));
    let What::Released(mut carries_out) = released("a", "1.0.0", None) else { unreachable!() };
    carries_out.proposal = Some("c0".to_owned());
    assert_eq!(log.say(What::Released(carries_out)), &Effect::Taken);
    assert_eq!(open(&log), Vec::<String>::new());
    assert_eq!(log.fold.skipped(), Skipped { pointless: 1, ..Skipped::default() });
}

#[test]
fn a_major_is_deprecated_taken_back_and_retired_for_good() {
    let mut log = Log::new();
    assert_eq!(log.say(deprecated(1, Some("2026-07-01"))), &Effect::Pointless);
    assert_eq!(log.say(retired(1)), &Effect::Pointless);
    log.release("1.0.0");
    let lifecycle = |log: &Log| log.orders().majors()[&1].lifecycle;
    assert_eq!(log.say(deprecated(1, Some("2026-07-01"))), &Effect::Taken);
    assert_eq!(lifecycle(&log), Lifecycle::Deprecated);
    log.release("1.0.1");
    assert_eq!(lifecycle(&log), Lifecycle::Deprecated);
    log.say(deprecated(1, None));
    assert_eq!((lifecycle(&log), log.orders().majors()[&1].deprecation.clone()), (Lifecycle::Active, None));
    log.say(retired(1));
    log.say(deprecated(1, None));
    assert_eq!(lifecycle(&log), Lifecycle::Retired);
    assert_eq!(log.orders().majors()[&1].successor.as_deref(), Some("orders@2"));
}

#[test]
fn overrides_are_there_for_everybody_to_see() {
    let mut log = Log::new();
    let overridden = Overridden {
        action: Action::Release,
        version: "1.0.0".to_owned(),
        proposal: None,
        reason: "the law".to_owned(),
        subscriptions: vec!["risk/fraud".to_owned()],
        consumer_groups: Vec::new(),
        readers_unknown: false,
    };
    assert_eq!(log.say(What::Overridden(overridden.clone())), &Effect::Taken);
    assert_eq!(log.orders().overrides()[0].overridden, overridden);
}

#[test]
fn reading_an_entry_twice_changes_nothing() {
    let mut log = Log::new();
    log.release("1.0.0");
    let again = log.records[0].clone();
    assert_eq!(log.fold.take(0, again), Effect::Known);
    assert_eq!((log.orders().in_flight(), log.fold.next_offset()), (None, 2));
}

/// A step of one of several applies that run at once. Each plans, announces, reads back, and releases if it won; any
/// of them may stop for good at any step.
#[derive(Debug, Clone, Copy)]
enum Step {
    Plan(usize),
    Announce(usize),
    Release(usize),
    Wait(i64),
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..4usize).prop_map(Step::Plan),
        4 => (0..4usize).prop_map(Step::Announce),
        3 => (0..4usize).prop_map(Step::Release),
        1 => (0..80i64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_interleaving_of_applies_leaves_exactly_one_winner_a_release(steps in any_steps()) {
        // What each apply planned: the release it builds on, and the version it wants.
        let mut plans: [Option<(Option<String>, String)>; 4] = Default::default();
        let mut log = Log::new();
        for step in steps {
            let name = |at: usize| format!("apply-{at}");
            match step {
                Step::Plan(at) => {
                    let last = log.fold.product("orders").and_then(ProductLog::last);
                    let minor = last.map_or(0, |last| last.version.minor + 1);
                    plans[at] = Some((log.base(), format!("1.{minor}.0")));
                }
                Step::Announce(at) => {
                    let Some((base, version)) = plans[at].clone() else { continue };
                    let allowed = log.may(&name(at), &version, base.as_deref()).is_ok();
                    let effect = log.say(applying(&name(at), &version, base.as_deref(), log.now + 40)).clone();
                    // What was allowed at the log's end wins there, and nothing else does.
                    prop_assert_eq!(effect == Effect::Taken, allowed, "{:?}", effect);
                }
                Step::Release(at) => {
                    let Some((base, version)) = plans[at].clone() else { continue };
                    // Even one that does not look whether it won must do no harm.
                    let won = log.standing_of(&name(at), &version, base.as_deref()) == Standing::Won;
                    let effect = log.say(released(&name(at), &version, base.as_deref())).clone();
                    prop_assert_eq!(effect == Effect::Taken, won, "{:?}", effect);
                }
                Step::Wait(millis) => log.now += millis,
            }
            let winners = (0..4).filter(|at| {
                plans[*at].as_ref().is_some_and(|(base, version)| {
                    log.standing_of(&name(*at), version, base.as_deref()) == Standing::Won
                })
            });
            prop_assert!(winners.count() <= 1);
        }
        if let Some(orders) = log.fold.product("orders") {
            // One line of releases, each on the one before, each higher, each announced by its apply after the last.
            let mut base: Option<&ReleaseState> = None;
            for release in orders.releases() {
                prop_assert_eq!(release.released.builds_on.as_deref(), base.map(|base| base.id.as_str()));
                prop_assert!(base.is_none_or(|base| base.version < release.version));
                let since = base.map_or(0, |base| base.offset as usize);
                let announced = log.records[since..release.offset as usize].iter().any(|record| {
                    matches!(&record.what, What::Applying(applying) if applying.apply == release.released.apply)
                });
                prop_assert!(announced);
                base = Some(release);
            }
        }
        // Every reader comes to the same verdict, also one that reads some of it again.
        let mut other = ReleaseLog::new("sales");
        for (offset, record) in log.records.iter().enumerate() {
            prop_assert_eq!(&other.take(offset as i64, record.clone()), &log.effects[offset]);
            prop_assert_eq!(other.take(offset as i64 / 2, record.clone()), Effect::Known);
        }
        // And nobody is stuck: once all leases are over, a new apply goes through.
        log.now += 1_000;
        let last = log.fold.product("orders").and_then(ProductLog::last);
        let version = format!("1.{}.0", last.map_or(0, |last| last.version.minor + 1));
        log.release(&version);
    }

    #[test]
    fn no_sequence_of_records_panics(picks in prop::collection::vec((0..8usize, 0..4usize, 0..5usize), 0..40)) {
        let mut log = Log::new();
        for (kind, id, version) in picks {
            let base = (id > 0).then(|| format!("c{}", id * 2 - 1));
            let version = ["1.0.0", "1.1.0", "2.0.0", "x", "18446744073709551615.0.0"][version];
            log.now += 7;
            let apply = format!("a{id}");
            log.say_as(if kind == 7 { "risk" } else { "sales" }, "x", match kind {
                0 | 1 => applying(&apply, version, base.as_deref(), log.now + 10),
                2 | 3 => released(&apply, version, base.as_deref()),
                4 => deprecated(id as u32, None),
                5 => retired(id as u32),
                _ => What::Withdrawn(Withdrawn { proposal: "c0".to_owned(), reason: None }),
            });
        }
        let majors = log.fold.product("orders").map_or(0, |orders| orders.majors().len());
        prop_assert!(majors <= 2);
    }
}
