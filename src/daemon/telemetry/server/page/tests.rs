use super::*;
use crate::daemon::clock::Clock;
use crate::daemon::telemetry::monitor::{Identity, Monitor};
use crate::daemon::telemetry::report::testing::{Rig, policy};
use crate::daemon::telemetry::report::{Source, TickReport};
use crate::observation::Direction;
use crate::observation::Pause;

const EVIL: &str = "<script>alert(\"1\")</script>";

fn page_after(
    cluster_id: &str,
    change_scene: impl FnOnce(&mut Rig),
    change_report: impl FnOnce(&mut TickReport),
) -> String {
    let identity = Identity {
        cluster_id: cluster_id.to_owned(),
        policy_file: EVIL.to_owned(),
        dry_run: true,
    };
    let monitor = Monitor::new(identity, &policy(), Clock::real());
    let mut rig = Rig::new(Clock::real().now() - Duration::from_secs(30));
    change_scene(&mut rig);
    let mut report = rig.tick();
    change_report(&mut report);
    monitor.tick_ended(&report);
    render(&monitor.status())
}

#[test]
fn the_first_sentence_is_the_decision() {
    let page = page_after(
        "j-1",
        |rig| rig.scene.available_percent = Some(50.0),
        |_| {},
    );
    let said = page
        .find("<p class=\"said\">Held at 4: ")
        .expect("a sentence");
    assert!(
        page.find("Sources").is_some_and(|sources| said < sources),
        "{page}"
    );
    for expected in [
        "dry run: no resize is sent",
        "memory-short",
        "1.50 USD",
        "limits 0 to 20",
        "inactive",
    ] {
        assert!(page.contains(expected), "{expected} in\n{page}");
    }
}

#[test]
fn a_hold_shows_how_far_it_has_run() {
    let mut rig = Rig::new(Clock::real().now() - Duration::from_secs(90));
    rig.scene.available_percent = Some(10.0);
    let identity = Identity {
        cluster_id: "j-1".to_owned(),
        policy_file: "book.yaml".to_owned(),
        dry_run: false,
    };
    let monitor = Monitor::new(identity, &policy(), Clock::real());
    (0..3).for_each(|_| monitor.tick_ended(&rig.tick()));
    let page = render(&monitor.status());
    assert!(
        page.contains("true for 1m of 5m") && page.contains("width:20.0%"),
        "{page}"
    );
}

#[test]
fn whatever_a_name_holds_is_text() {
    let page = page_after(
        EVIL,
        |rig| rig.scene.groups[0].name = Some(EVIL.into()),
        |report| report.cost.unpriced = vec![EVIL.to_owned()],
    );
    assert!(!page.contains("<script"), "{page}");
    assert!(
        page.matches("&lt;script&gt;alert(&quot;1&quot;)").count() >= 4,
        "{page}"
    );
}

#[test]
fn a_pause_and_a_standby_stand_in_the_header() {
    let page = page_after(
        "j-1",
        |_| {},
        |report| {
            report.observation.control.leader = false;
            let until = report.observation.at + Duration::from_secs(3_650);
            report.observation.control.pause = Some(Pause {
                until,
                direction: Some(Direction::In),
            });
        },
    );
    assert!(
        page.contains("standby: another instance is the leader")
            && page.contains("scale-in paused for 1h"),
        "{page}"
    );
}

#[test]
fn before_the_first_tick_the_page_says_so() {
    let identity = Identity {
        cluster_id: "j-1".to_owned(),
        policy_file: "book.yaml".to_owned(),
        dry_run: false,
    };
    let page = render(&Monitor::new(identity, &policy(), Clock::real()).status());
    assert!(
        page.contains("no tick has completed yet") && page.contains("None yet."),
        "{page}"
    );
}

#[test]
fn a_page_of_a_daemon_that_does_not_read_yarn_says_so_and_warns_of_nothing() {
    let page = page_after(
        "j-1",
        |rig| rig.scene.available_percent = None,
        |report| {
            report
                .sources
                .retain(|report| report.source != Source::YarnLoad)
        },
    );
    assert!(page.contains("YARN is not read"), "{page}");
    assert!(!page.contains("YARN has not answered"), "{page}");
}
