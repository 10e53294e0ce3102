//! The whole way: a workflow under act, with GitHub's server behind it.

use crate::action::checkout;
use crate::support::act::Act;
use crate::support::github::Github;
use crate::support::{events, setting};

const WORKFLOW: &str = r#"
name: images
on: pull_request
permissions: {}
jobs:
  image:
    runs-on: ubuntu-latest
    permissions: { contents: read, checks: write, pull-requests: write }
    steps:
      - uses: actions/checkout@v6
      - uses: ./
        id: forge
        with:
          binary-path: ${{ vars.FORGE_BINARY }}
          github-token: ${{ secrets.GITHUB_TOKEN }}
"#;

const FAILING: &str = "source \"null\" \"broken\" {\n  communicator = \"none\"\n}\nbuild {\n  sources = [\"null.broken\"]\n  provisioner \"shell-local\" {\n    inline = [\"echo out of luck\", \"exit 3\"]\n  }\n}\n";

#[test]
fn a_pull_request_shows_its_images_and_what_failed() {
    let lab = Github::start();
    let folder = tempfile::tempdir().unwrap();
    let repository = format!("{}/forge-test/act-images", setting("FORGE_TEST_REGISTRY"));
    let images = format!(
        "images:\n  nginx:\n    template: examples/nginx\n    vars:\n      repository: {repository:?}\n      base_image: {:?}\n  broken:\n    template: images/broken\n",
        setting("FORGE_TEST_BASE_IMAGE")
    );
    checkout(
        folder.path(),
        "octo/images",
        &[
            (".github/forge.yml", &images),
            (".github/workflows/images.yml", WORKFLOW),
            ("images/broken/broken.pkr.hcl", FAILING),
        ],
    );
    let event = events::pull_request(&lab, events::OWN);
    let act = Act { lab: &lab, folder: folder.path() };
    let run = |number| act.run("images.yml", ("pull_request", &event), (number, lab.at("runtime_token"))).log;
    let log = run(1);
    let checks = lab.checks();
    let of = |name: &str| {
        let found =
            checks.iter().find(|check| check["name"].as_str().unwrap().starts_with(&format!("forge / {name}/")));
        found.unwrap_or_else(|| panic!("no check run of {name}\n{checks:#?}\n{log}"))
    };
    assert_eq!(of("nginx")["conclusion"], "success", "{log}");
    let summary = of("nginx")["output"]["summary"].as_str().unwrap();
    assert!(summary.contains(&repository) && summary.contains("sha256:"), "{summary}");
    assert_eq!(of("broken")["conclusion"], "failure");
    let marks = of("broken")["annotations"].as_array().unwrap();
    assert_eq!(
        (marks[0]["path"].as_str(), marks[0]["start_line"].as_u64()),
        (Some("images/broken/broken.pkr.hcl"), Some(6))
    );
    assert!(marks[0]["raw_details"].as_str().unwrap().contains("out of luck"));
    let first = lab.comment();
    assert!(first.contains("❌ 1 of 2 builds failed") && first.contains(&repository), "{first}");
    // Mended, and run again.
    std::fs::write(folder.path().join("images/broken/broken.pkr.hcl"), FAILING.replace("exit 3", "exit 0")).unwrap();
    let log = run(2);
    assert!(lab.comment().contains("✅ 2 builds succeeded"), "{}\n{log}", lab.comment());
    lab.took_everything();
}
