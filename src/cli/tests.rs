//! Command lines as people and workflows write them.

use super::*;

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(normalise(args.iter().map(OsString::from)))
}

#[test]
fn the_peers_flags_are_understood() {
    let args = [
        "forge",
        "-machine-readable",
        "build",
        "-var",
        "a=-b",
        "--var=c=1,2",
        "-only=x.*,y",
        "-force",
        "-color=false",
        "-on-error=run-cleanup-provisioner",
        "-parallel-builds=2",
        "-timestamp-ui",
        "-use-sequential-evaluation",
        "-config-type=hcl2",
        "dir",
    ];
    let Command::Build(build) = parse(&args).unwrap().command else { panic!() };
    assert!(build.machine_readable && build.force && !build.color && build.timestamp_ui);
    assert_eq!(build.template.var, ["a=-b", "c=1,2"]);
    assert_eq!(build.template.only, ["x.*", "y"]);
    assert_eq!(build.on_error, OnErrorArg::RunCleanupProvisioner);
    assert_eq!((build.parallel_builds, build.template.template), (2, PathBuf::from("dir")));
}

#[test]
fn wrong_flags_are_errors() {
    for args in [
        &["forge", "build", "-nope", "."][..],
        &["forge", "build", "-on-error=x", "."],
        &["forge", "build", "a", "b"],
        &["forge", "build", "-config-type=json", "a"],
    ] {
        assert!(parse(args).is_err(), "{args:?}");
    }
}
