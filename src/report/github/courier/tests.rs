//! How many changes of a check run are sent, and which one always is.

use super::*;
use crate::client::github::Identity;
use crate::run::event::Phase;
use crate::secret::Redactor;

async fn courier(jobs: u64, folder: &std::path::Path) -> Courier {
    let destination = Destination { sha: Some("b".repeat(40)), checks: true, jobs, ..Destination::default() };
    let address = crate::client::github::Address {
        api: "http://127.0.0.1:9".to_owned(),
        graphql: "http://127.0.0.1:9/graphql".to_owned(),
        owner: "octo".to_owned(),
        name: "images".to_owned(),
    };
    let repository = Repository::connect(address, Identity::Token("t".to_owned()), &Redactor::default()).await.unwrap();
    let outbox = Outbox::create(folder, &destination);
    Courier::new(repository, Destination { comment: CommentMode::Off, ..destination }, outbox, Sent::default())
}

/// Takes all calls that are to be made now for made. How many change a check run that goes on.
fn make_all(courier: &mut Courier, record: &Record) -> usize {
    let mut changes = 0;
    while let Some(Task::Check(check)) = courier.next(record) {
        if courier.sent.checks.contains_key(&check.name) && check.state == CheckState::InProgress {
            courier.budget.spend(&check.name);
            changes += 1;
        }
        courier.shown(*check, 1, 0);
    }
    changes
}

/// Builds that change their phase all the time use up what an hour has, and end as told as any.
#[tokio::test(start_paused = true)]
async fn the_last_call_of_a_build_is_never_given_up() {
    let folder = tempfile::tempdir().unwrap();
    for (jobs, an_hour) in [(1, 60), (100, 3), (1000, 0)] {
        let mut courier = courier(jobs, folder.path()).await;
        let build = |n: usize| Build { name: format!("b{n}"), state: State::Running, ..Build::default() };
        let mut record = Record { builds: (0..10).map(build).collect(), ..Record::default() };
        let mut changes = 0;
        for round in 0..3600 / 20 {
            let phase = if round % 2 == 0 { Phase::Provision } else { Phase::Launch };
            record.builds.iter_mut().for_each(|build| build.phase = Some(phase));
            changes += make_all(&mut courier, &record);
            tokio::time::advance(Duration::from_secs(20)).await;
        }
        assert_eq!((courier.sent.checks.len(), changes), (10, an_hour), "{jobs} jobs");
        record.builds.iter_mut().for_each(|build| build.state = State::Succeeded);
        make_all(&mut courier, &record);
        assert!(courier.sent.checks.values().all(|sent| sent.state == CheckState::Success), "{:?}", courier.sent);
    }
}
