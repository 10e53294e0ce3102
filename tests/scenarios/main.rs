//! Scenarios: the built program against a real Docker Engine and registry, through the doors users have.
//!
//! `script/test` prepares what they need and names it in `FORGE_TEST_*` variables.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test may"
)]

mod action;
#[cfg(feature = "aws")]
mod amazon_accounts;
#[cfg(feature = "aws")]
mod amazon_ask;
#[cfg(feature = "aws")]
mod amazon_chroot;
#[cfg(feature = "aws")]
mod amazon_cleanup;
#[cfg(feature = "aws")]
mod amazon_credentials;
#[cfg(feature = "aws")]
mod amazon_data;
#[cfg(feature = "aws")]
mod amazon_ebs;
#[cfg(feature = "aws")]
mod amazon_faults;
#[cfg(feature = "aws")]
mod amazon_identity;
#[cfg(feature = "aws")]
mod amazon_launch;
#[cfg(feature = "aws")]
mod amazon_leaks;
#[cfg(feature = "aws")]
mod amazon_mfa;
#[cfg(feature = "aws")]
mod amazon_options;
#[cfg(feature = "aws")]
mod amazon_ownership;
#[cfg(feature = "aws")]
mod amazon_partitions;
#[cfg(feature = "aws")]
mod amazon_requests;
#[cfg(feature = "aws")]
mod amazon_retries;
#[cfg(feature = "aws")]
mod amazon_sessions;
#[cfg(feature = "aws")]
mod amazon_store;
#[cfg(feature = "aws")]
mod amazon_templates;
#[cfg(feature = "aws")]
mod amazon_volumes;
#[cfg(feature = "aws")]
mod aws_secrets;
mod bad_input;
mod cancel;
mod conformance;
mod console;
mod data;
mod docker_build;
mod docs;
mod example_workflows;
mod fmt;
mod foreign_output;
mod forks;
mod functions;
mod github_act;
mod github_channels;
mod github_comments;
mod github_events;
mod github_fan_out;
mod github_fan_out_records;
mod github_faults;
mod github_reports;
mod github_statuses;
mod gotchas;
mod init;
mod inputs;
mod inventory;
mod logs;
mod machine_readable;
mod no_network;
mod old_format;
mod plan;
mod post_processing;
mod preview;
#[cfg(feature = "aws")]
mod preview_amazon;
mod preview_baseline;
mod preview_reuse;
mod preview_sweep;
mod provisioning;
mod publish_attested;
mod publish_containers;
#[cfg(feature = "aws")]
mod publish_copies;
mod publish_github;
#[cfg(feature = "aws")]
mod publish_machines;
mod publish_records;
mod publish_releases;
mod secrets;
mod side_by_side;
mod ssh;
#[cfg(feature = "aws")]
mod ssh_amazon;
mod ssh_download;
mod ssh_files;
mod ssh_login;
mod ssh_methods;
mod ssh_options;
mod ssh_overwrite;
mod state_folder;
mod story_act;
mod story_amazon;
mod support;
mod unchanged;
#[cfg(feature = "aws")]
mod unchanged_amazon;
mod variables;
