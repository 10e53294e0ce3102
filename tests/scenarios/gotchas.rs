//! What people get wrong about Packer's language and behaviour, one test for each entry of the list of traps. Where
//! forge does something else than Packer, `docs/differences.md` says why.

use std::time::{Duration, Instant};

use crate::support::{Workspace, docker};

/// A template around `inside` of its build, with local commands only.
fn build(before: &str, inside: &str) -> Workspace {
    Workspace::new(&format!(
        "{before}\nsource \"null\" \"n\" {{ communicator = \"none\" }}\nbuild {{\n  sources = [\"null.n\"]\n{inside}\n}}\n"
    ))
}

fn echo(text: &str) -> String {
    format!("  provisioner \"shell-local\" {{ inline = [\"echo {text}\"] }}")
}

fn machine(inside: &str) -> Workspace {
    let source = "source \"docker\" \"d\" {\n  image = \"BUSYBOX\"\n  pull = false\n  discard = true\n}\n";
    Workspace::new(&format!("{source}build {{\n  sources = [\"docker.d\"]\n{inside}\n}}\n"))
}

#[test]
fn gotcha_01_auto_files_are_read_for_folders_only() {
    let workspace = build("variable \"v\" { default = \"default\" }", &echo("it is ${var.v}"));
    workspace.file("x.auto.pkrvars.hcl", "v = \"auto\"");
    workspace.build(&[]).says("it is auto");
    workspace.run(&["build", "t.pkr.hcl"]).succeeded().says("it is default");
}

#[test]
fn gotcha_02_a_variable_without_value_fails_even_if_unused() {
    let workspace = build("variable \"unused\" {}", &echo("x"));
    workspace.fail(&[]).says("variable \"unused\" has no value");
}

#[test]
fn gotcha_03_untyped_defaults_pin_the_exact_type() {
    let workspace = build("variable \"v\" { default = [\"a\", \"b\"] }", &echo("${length(var.v)}"));
    workspace.build(&["-var", "v=[\"c\", \"d\"]"]).says("2");
    workspace.fail(&["-var", "v=[\"only one\"]"]).says("wrong type");
}

#[test]
fn gotcha_04_lists_from_outside_are_expressions_and_texts_are_literal() {
    let variables =
        "variable \"text\" { default = \"\" }\nvariable \"list\" {\n  type = list(string)\n  default = []\n}";
    let workspace = build(variables, &echo("${var.text} ${join(\"+\", var.list)}"));
    let workspace = workspace.env("PKR_VAR_list", "[\"a\", \"b\"]");
    workspace.build(&["-var", "text=[1]"]).says("[1] a+b");
    workspace.fail(&["-var", "list=a"]).says("list");
}

#[test]
fn gotcha_05_a_source_block_in_build_may_only_add() {
    let again = "  source \"null.n\" {\n    name = \"again\"\n    communicator = \"none\"\n  }";
    build("", again).fail(&[]).says("argument \"communicator\" is set twice");
    build("", "  source \"null.n\" { name = \"again\" }").build(&[]).says("null.again");
}

#[test]
fn gotcha_06_only_in_components_is_exact_and_globs_are_for_flags() {
    let named = "  provisioner \"shell-local\" {\n    only = [\"null.*\"]\n    inline = [\"echo never\"]\n  }";
    let workspace = build("", named);
    workspace
        .build(&[])
        .says("\"only\" names \"null.*\", which is no source of this build")
        .says_not("==> null.n: never");
    workspace.build(&["-only=nu*.n"]).succeeded();
    workspace.fail(&["-only=other.*"]).says("no builds to run");
}

#[test]
fn gotcha_07_override_names_sources_without_their_type() {
    let step = |name: &str| {
        let step = "  provisioner \"shell-local\" {\n    inline = [\"echo plain\"]\n    override = { \"NAME\" = { inline = [\"echo other\"] } }\n  }";
        build("", &step.replace("NAME", name))
    };
    step("n").build(&[]).says("null.n: other");
    step("null.n").build(&[]).says("\"override\" names \"null.n\"").says("null.n: plain");
}

#[test]
fn gotcha_08_the_build_name_of_components_is_the_sources_own() {
    let workspace = build(
        "",
        "  name = \"b\"\n  source \"null.n\" { name = \"renamed\" }\n  provisioner \"shell-local\" { inline = [\"echo env $PACKER_BUILD_NAME {{build_name}}\"] }\n  post-processor \"manifest\" { output = \"m.json\" }",
    );
    workspace.build(&[]).says("==> b.null.renamed: env n n");
    let manifest: serde_json::Value = serde_json::from_str(&workspace.read("m.json")).unwrap();
    let names: Vec<&str> = manifest["builds"].as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["n", "n"]);
}

#[test]
fn gotcha_09_a_pause_does_not_switch_off_the_time_limit_and_the_last_error_counts() {
    let step = "  provisioner \"shell-local\" {\n    pause_before = \"1s\"\n    timeout = \"1s\"\n    inline = [\"sleep 30\"]\n  }";
    let ran = build("", step).fail(&[]);
    ran.says("Cancelling provisioner after a timeout");
    assert!(ran.took < Duration::from_secs(20), "{:?}", ran.took);
    let step = "  provisioner \"shell-local\" {\n    max_retries = 2\n    inline = [\"echo x >> tries\", \"exit $(wc -l < tries)\"]\n  }";
    let workspace = build("", step);
    workspace.fail(&[]);
    assert_eq!(workspace.read("tries").lines().count(), 3, "two more than the first");
}

#[test]
fn gotcha_10_every_text_passes_the_template_engine() {
    let ran = build("", &echo("{{build_type}} {{ upper `x` }} {{ `{{ kept }}` }}")).build(&[]);
    ran.says("null X {{ kept }}");
    build("", &echo("{{ .Names }}")).fail(&[]).says("to keep it as text, write");
}

#[test]
fn gotcha_11_file_starts_at_the_template_and_filebase64_at_the_working_directory() {
    let locals = "locals {\n  a = file(\"x.txt\")\n  b = base64decode(filebase64(\"y.txt\"))\n}";
    let workspace = Workspace::new("");
    let template = format!(
        "{locals}\nsource \"null\" \"n\" {{ communicator = \"none\" }}\nbuild {{\n  sources = [\"null.n\"]\n{}\n}}\n",
        echo("${local.a} ${local.b}")
    );
    workspace.file("sub/t.pkr.hcl", template);
    workspace.file("sub/x.txt", "at the template");
    workspace.file("y.txt", "at the working directory");
    workspace.run(&["build", "sub"]).succeeded().says("at the template at the working directory");
}

#[test]
fn gotcha_12_replace_is_literal_lookup_has_a_default_and_timestamp_moves() {
    let fails = |expression: &str| build(&format!("locals {{ x = {expression} }}"), &echo("${local.x}")).fail(&[]);
    fails("lookup({ a = 1 }, \"b\")").says("lookup");
    let locals = "locals {\n  a = replace(\"a.c\", \"/./\", \"x\")\n  b = formatdate(\"s.S\", timestamp())\n}";
    fails(&locals[locals.find("formatdate").unwrap()..locals.rfind('\n').unwrap()]);
    build("locals { x = replace(\"a/./c\", \"/./\", \"-\") }", &echo("${local.x}")).build(&[]).says("a-c");
    let moving = "  provisioner \"shell-local\" { inline = [\"echo first {{timestamp}}\", \"sleep 2\"] }\n  provisioner \"shell-local\" { inline = [\"echo second {{timestamp}}\"] }";
    let ran = build("", moving).build(&[]);
    let at = |word: &str| ran.stdout.split(word).nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_eq!(at("first "), at("second "), "the engine's timestamp is that of the start");
}

#[test]
fn gotcha_13_each_post_processor_block_starts_from_the_builders_artifact() {
    let source = "source \"file\" \"f\" {\n  content = \"hello\"\n  target = \"out.txt\"\n}\n";
    let post = "  post-processor \"checksum\" {\n    checksum_types = [\"md5\"]\n    output = \"a.sum\"\n  }\n  post-processor \"checksum\" {\n    checksum_types = [\"md5\"]\n    output = \"b.sum\"\n  }";
    let workspace = Workspace::new(&format!("{source}build {{\n  sources = [\"file.f\"]\n{post}\n}}\n"));
    workspace.build(&[]);
    for file in ["a.sum", "b.sum"] {
        assert_eq!(workspace.read(file).lines().count(), 1, "{file} is about out.txt only");
    }
    let fails = "  post-processor \"shell-local\" { inline = [\"exit 1\"] }\n  post-processor \"manifest\" {}";
    let workspace = Workspace::new(&format!("{source}build {{\n  sources = [\"file.f\"]\n{fails}\n}}\n"));
    workspace.fail(&[]);
    assert_eq!(workspace.read("out.txt"), "hello", "what was built is kept");
}

#[test]
fn gotcha_14_except_on_a_post_processor_cuts_the_rest_of_its_sequence() {
    let post = "  post-processors {\n    post-processor \"shell-local\" { inline = [\"echo one\"] }\n    post-processor \"shell-local\" {\n      name = \"two\"\n      inline = [\"echo two\"]\n    }\n    post-processor \"shell-local\" { inline = [\"echo three\"] }\n  }";
    let ran = build("", post).build(&["-except=two"]);
    ran.says("): one").says_not("): two").says_not("): three");
}

#[test]
fn gotcha_15_manifests_grow_and_checksums_do_not_double() {
    let workspace = build("", "  post-processor \"manifest\" { output = \"m.json\" }");
    workspace.build(&[]);
    workspace.build(&[]);
    let manifest: serde_json::Value = serde_json::from_str(&workspace.read("m.json")).unwrap();
    assert_eq!(manifest["builds"].as_array().unwrap().len(), 2);
}

#[test]
fn gotcha_16_errors_go_to_standard_output_under_the_builds_name() {
    let ran = build("", "  provisioner \"shell-local\" { inline = [\"echo wrong >&2\", \"exit 3\"] }").fail(&[]);
    ran.says("==> null.n: wrong").says("Build 'null.n' errored");
    assert_eq!(ran.stderr, "");
}

#[test]
fn gotcha_17_no_artifacts_is_also_said_after_errors() {
    let ran = build("", "  provisioner \"shell-local\" { inline = [\"exit 1\"] }").fail(&[]);
    ran.says("Some builds didn't complete successfully").says("Builds finished but no artifacts were created.");
}

#[test]
fn gotcha_18_a_second_signal_ends_all_waiting() {
    let workspace = build("", "  provisioner \"shell-local\" { inline = [\"echo started\", \"sleep 60\"] }");
    let mut running = workspace.start(&[]);
    running.wait_for("started");
    running.signal("INT");
    running.signal("INT");
    let (code, log) = running.end();
    assert_eq!(code, Some(1), "{log}");
}

#[test]
fn gotcha_19_the_cleanup_provisioner_runs_after_errors_and_never_on_cancel() {
    let cleanup = "  error-cleanup-provisioner \"shell-local\" { inline = [\"echo cleaning\"] }\n";
    build("", &format!("  provisioner \"shell-local\" {{ inline = [\"exit 1\"] }}\n{cleanup}"))
        .fail(&[])
        .says("n: cleaning");
    let step = "  provisioner \"shell-local\" { inline = [\"echo started\", \"sleep 60\"] }\n";
    let workspace = build("", &format!("{step}{cleanup}"));
    let mut running = workspace.start(&[]);
    running.wait_for("n: started");
    running.signal("INT");
    let (_, log) = running.end();
    assert!(!log.contains("n: cleaning"), "{log}");
}

#[test]
fn gotcha_20_ssh_timeout_ends_the_wait_whatever_the_number_of_attempts() {
    let template = "source \"null\" \"n\" {\n  ssh_host = \"127.0.0.1\"\n  ssh_port = 1\n  ssh_username = \"u\"\n  ssh_password = \"long enough\"\n  ssh_timeout = \"1s\"\n  ssh_handshake_attempts = 3\n}\nbuild { sources = [\"null.n\"] }\n";
    Workspace::new(template).fail(&[]).says("timeout waiting for SSH after 1 s");
}

#[test]
fn gotcha_21_commands_without_a_communicator_never_report_success() {
    let ran = build("", "  provisioner \"shell\" { inline = [\"true\"] }").fail(&[]);
    ran.says("needs a machine to work on");
}

#[test]
fn gotcha_22_inspect_and_console_read_data_sources() {
    let workspace = build("data \"null\" \"d\" { input = \"read\" }\nlocals { x = data.null.d.output }", &echo("x"));
    workspace.run(&["inspect", "."]).succeeded().says("local.x: \"read\"");
}

#[test]
fn gotcha_23_a_machine_that_goes_away_is_a_failure_at_once() {
    let ends = |option: &str| {
        let step = format!("  provisioner \"shell\" {{\n{option}\n    inline = [\"echo started\", \"sleep 60\"]\n  }}");
        let workspace = machine(&step);
        let mut running = workspace.start(&[]);
        running.wait_for("d: started");
        let log = running.log();
        let container = log.split("Container ID: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        docker(&["kill", &container]);
        running.end()
    };
    // A container has no connection to break: when it ends it is gone, and nobody waits for it to come back.
    for option in ["", "    expect_disconnect = true"] {
        let begun = Instant::now();
        let (code, log) = ends(option);
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("the container stopped while the command ran (exit code 137)"), "{log}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{log}");
    }
}

#[test]
fn gotcha_24_slashes_decide_what_a_folder_upload_is_called() {
    let upload = |source: &str, destination: &str, shown: &str| {
        let steps = format!(
            "  provisioner \"file\" {{\n    source = \"{source}\"\n    destination = \"{destination}\"\n  }}\n  provisioner \"shell\" {{ inline = [\"ls {shown}\"] }}"
        );
        let workspace = machine(&steps);
        workspace.file("folder/inside.txt", "x");
        workspace.build(&[]).says("inside.txt");
    };
    upload("folder", "/tmp", "/tmp/folder");
    upload("folder/", "/tmp", "/tmp");
}

#[test]
fn gotcha_25_builds_of_one_name_all_run_and_are_all_reported() {
    let template = "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n  sources = [\"null.n\", \"null.n\"]\n  provisioner \"shell-local\" { inline = [\"echo ran\"] }\n}\n";
    let workspace = Workspace::new(template);
    let ran = workspace.build(&[]);
    assert_eq!(ran.stdout.matches("n: ran").count(), 2, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("--> null.n:").count(), 2, "{}", ran.stdout);
}
